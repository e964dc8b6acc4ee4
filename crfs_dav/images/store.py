"""Manifests, configs, layers and images by digest: opened once, kept, shared.

Everything here is content-addressed and so never goes stale; what a tag means now is `catalog`'s to say.
Two images that share a layer share its tree.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from crfs_dav.archive import Archive
from crfs_dav.cache.reader import CachedReader
from crfs_dav.errors import AccessDenied, Corrupt, NotFound
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.images.kept import Kept
from crfs_dav.names import Digest, Repository
from crfs_dav.oci import (
    MANIFEST_SIZE_LIMIT,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    parse_config,
    toc_annotations,
)
from crfs_dav.readers import ByteStore, ReaderAt, forget
from crfs_dav.registry.client import RegistryClient
from crfs_dav.tree.layer import build_tree
from crfs_dav.tree.links import follow_links
from crfs_dav.tree.node import Directory
from crfs_dav.tree.overlay import merge

_log = logging.getLogger(__name__)

_DOCUMENT_BYTES = 64 << 20
_TREE_ENTRIES = 2_500_000  # about 200 bytes each
_IMAGES = 256
_OPENERS = 8  # layers opened at once, over all images


LayerKey = tuple[Digest, str]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as its archive says; `tree` is None where the blob is no archive that can be read lazily."""

    descriptor: Descriptor
    tree: Directory | None
    entry_count: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its manifest, its layers (base first), and, where all of them have trees, the merged `root`.

    `roots` are the layers' trees and `root` the merged one, both with links followed.
    """

    manifest: Manifest
    layers: Sequence[Layer]
    root: Directory | None


class ImageStore:
    """Opens what a client of the registries can read, and keeps it as long as there is room."""

    def __init__(self, client: RegistryClient, ranges: ByteStore, means: Means) -> None:
        self._client = client
        self._ranges = ranges
        self._means = means
        self._openers = ThreadPoolExecutor(_OPENERS, thread_name_prefix="open-layer")
        self._manifests: Kept[Digest, Manifest | Index] = Kept(_DOCUMENT_BYTES, lambda value: len(value.document))
        self._documents: Kept[Digest, bytes] = Kept(_DOCUMENT_BYTES, len)
        self._layers: Kept[LayerKey, Layer] = Kept(_TREE_ENTRIES, lambda layer: layer.entry_count + 1)
        self._images: Kept[Digest, Image] = Kept(_IMAGES, lambda image: 1)
        self._roots: Kept[tuple[Digest, *LayerKey], Directory] = Kept(_IMAGES, lambda root: 1)

    def close(self) -> None:
        """Stop opening; layers being opened end by themselves."""
        self._openers.shutdown(wait=False, cancel_futures=True)

    def manifest(self, repository: Repository, descriptor: Descriptor) -> Manifest | Index:
        """The manifest or index that `descriptor` names, its digest checked."""
        return self._manifests.get(descriptor.digest, lambda: self._client.manifest(repository, descriptor))

    def document(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """A small blob, whole, its digest checked: a config, a text."""
        return self._documents.get(
            descriptor.digest,
            lambda: self._client.read_blob(repository, descriptor, MANIFEST_SIZE_LIMIT),
        )

    def blob(self, repository: Repository, descriptor: Descriptor) -> ReaderAt:
        """A blob by offset, through the memory of ranges; no I/O yet."""
        return CachedReader(self._client.blob(repository, descriptor), descriptor.digest, self._ranges)

    def config(self, repository: Repository, manifest: Manifest) -> ImageConfig | None:
        """The image's config; None where it has none that says anything; raises Unavailable.

        So what is shown of it is the same at all times: shown, or not at all.
        """
        try:
            return parse_config(self.document(repository, manifest.config))
        except (NotFound, AccessDenied, Corrupt) as error:
            _log.info("%s: no config: %s", repository, error)
            return None

    def layer(self, repository: Repository, descriptor: Descriptor) -> Layer:
        """The opened layer; raises Corrupt where it claims a format and breaks it."""
        return self._layers.get(_layer_key(descriptor), lambda: self._open_layer(repository, descriptor))

    def opened_layer(self, descriptor: Descriptor) -> Layer | None:
        """The layer, if it is open already; None else, and nothing is asked for it."""
        return self._layers.peek(_layer_key(descriptor))

    def layer_root(self, repository: Repository, manifest: Manifest, descriptor: Descriptor) -> Directory | None:
        """The layer's tree with links followed inside it; None where it has no tree."""
        tree = self.layer(repository, descriptor).tree
        if tree is None:
            return None
        key = (manifest.config.digest, *_layer_key(descriptor))
        tree_id = "/".join(map(str, key))
        return self._roots.get(key, lambda: self._followed(repository, manifest, tree, tree_id))

    def image(self, repository: Repository, descriptor: Descriptor, manifest: Manifest) -> Image:
        """The opened image, its layers opened in parallel; raises Corrupt where one of them is broken."""
        return self._images.get(descriptor.digest, lambda: self._open_image(repository, descriptor, manifest))

    def _open_layer(self, repository: Repository, descriptor: Descriptor) -> Layer:
        archive = self._open_archive(self.blob(repository, descriptor), descriptor)
        if archive is None:
            _log.info("%s@%s: no layer that can be read lazily", repository, descriptor.digest)
            return Layer(descriptor, None)
        return Layer(descriptor, build_tree(archive, str(descriptor.digest)), len(archive.entries))

    def _open_archive(self, blob: ReaderAt, descriptor: Descriptor) -> Archive | None:
        """The archive; what came broken off the network and was kept is fetched once more."""
        try:
            return open_archive(blob, descriptor, self._means)
        except Corrupt as error:
            if not forget(blob, 0, blob.size):
                raise
            _log.warning("%s; reading the layer again", error)
            return open_archive(blob, descriptor, self._means)

    def _open_image(self, repository: Repository, descriptor: Descriptor, manifest: Manifest) -> Image:
        layers = list(self._openers.map(lambda descriptor: self.layer(repository, descriptor), manifest.layers))
        trees = [layer.tree for layer in layers if layer.tree is not None]
        if len(trees) < len(layers):
            return Image(manifest, layers, None)
        return Image(manifest, layers, self._followed(repository, manifest, merge(trees), str(descriptor.digest)))

    def _followed(self, repository: Repository, manifest: Manifest, tree: Directory, tree_id: str) -> Directory:
        def created() -> datetime | None:
            config = self.config(repository, manifest)
            return config.created if config else None

        return follow_links(tree, tree_id=tree_id, default_mtime=created)


def _layer_key(descriptor: Descriptor) -> LayerKey:
    """Digest, and what is said of the TOC: a manifest that says wrong things of a layer harms no other manifest."""
    return descriptor.digest, toc_annotations(descriptor)
