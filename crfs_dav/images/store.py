"""Manifests, configs, layers and images by digest: opened once, kept, shared.

Everything here is content-addressed and so never goes stale; what a tag means now is `catalog`'s to say.
Two images of a registry that share a layer share its tree. What has passed the digest that it is kept under is shared
by all registries; nothing else is, so that one that lies harms nobody else's images.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol

from crfs_dav.archive import ReadThrough
from crfs_dav.cache.copies import Copies
from crfs_dav.cache.partition import Partition
from crfs_dav.cache.reader import CachedReader
from crfs_dav.errors import AccessDenied, Corrupt, NoRoom, NotFound
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.probe import Probe, probe
from crfs_dav.images.documents import keep_document, kept_document
from crfs_dav.images.expiring import Expiring
from crfs_dav.images.kept import Kept
from crfs_dav.images.opened import NO_FORMAT, Image, Layer
from crfs_dav.images.trees import NOT_KEPT, TreeStore
from crfs_dav.names import Digest, Registry, Repository
from crfs_dav.oci import (
    MANIFEST_SIZE_LIMIT,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    may_be_archive,
    parse_config,
    parse_manifest,
    toc_annotations,
)
from crfs_dav.readers import ByteStore, ReaderAt
from crfs_dav.sparethreads import SpareThreads
from crfs_dav.tree.links import follow_links
from crfs_dav.tree.node import Directory
from crfs_dav.tree.overlay import merge

_log = logging.getLogger(__name__)

_DOCUMENT_BYTES = 64 << 20
_TREE_ENTRIES = 2_500_000  # about 200 bytes each
_IMAGES = 256
_OPENERS = 8  # layers opened at once, over all images
_FLAW_SECONDS = 600.0  # for which what could not be read is not tried again: it may have cost a pass over the blob
_TOO_MANY_ENTRIES = "entries: with this layer the image has more than image_entries allows; expected fewer"


LayerKey = tuple[Registry, Digest, str]


FindToc = Callable[[Repository, Digest], bytes | None]
"""The TOC of a layer of a repository where it lies in another image; never raises."""


def _no_toc(repository: Repository, layer: Digest) -> None:
    """None: there are no other images."""


class Source(Protocol):
    """Where manifests and blobs come from; errors are those of `RegistryClient`."""

    def manifest(self, repository: Repository, descriptor: Descriptor) -> Manifest | Index:
        """The manifest or index, its digest checked."""
        ...

    def read_blob(self, repository: Repository, descriptor: Descriptor, limit: int) -> bytes:
        """The whole blob, at most `limit` bytes, its digest checked."""
        ...

    def blob(self, repository: Repository, descriptor: Descriptor) -> ReaderAt:
        """The blob by offset, unchecked."""
        ...


class ImageStore:
    """Opens what a client of the registries can read, and keeps it as long as there is room."""

    def __init__(
        self,
        client: Source,
        ranges: ByteStore,
        means: Means,
        *,
        trees: TreeStore = NOT_KEPT,
        find_toc: FindToc = _no_toc,
        copies: Copies | None = None,
        ahead: SpareThreads | None = None,
    ) -> None:
        self._ahead = ahead
        self._trees = trees
        self._find_toc = find_toc
        self._copies = copies
        self._client = client
        self._ranges = ranges
        self._means = means
        self._openers = ThreadPoolExecutor(_OPENERS, thread_name_prefix="open-layer")
        self._manifests: Kept[Digest, Manifest | Index] = Kept(_DOCUMENT_BYTES, lambda value: len(value.document))
        self._documents: Kept[Digest, bytes] = Kept(_DOCUMENT_BYTES, len)
        self._layers: Kept[LayerKey, Layer] = Kept(_TREE_ENTRIES, lambda layer: layer.entry_count + 1)
        self._images: Kept[tuple[Registry, Digest], Image] = Kept(_IMAGES, lambda image: 1)
        self._flawed_layers: Expiring[LayerKey, Layer] = Expiring(_FLAW_SECONDS)
        self._roots: Kept[tuple[Digest, *LayerKey], Directory] = Kept(_IMAGES, lambda root: 1)

    def close(self) -> None:
        """Stop opening; layers being opened end by themselves."""
        self._openers.shutdown(wait=False, cancel_futures=True)

    def manifest(self, repository: Repository, descriptor: Descriptor) -> Manifest | Index:
        """The manifest or index that `descriptor` names, its digest checked."""
        return self._manifests.get(descriptor.digest, lambda: self._open_manifest(repository, descriptor))

    def document(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """A small blob, whole, its digest checked: a config, a text."""
        return self._documents.get(descriptor.digest, lambda: self._read_document(repository, descriptor))

    def blob(self, repository: Repository, descriptor: Descriptor) -> ReaderAt:
        """A blob by offset, through the memory of ranges; no I/O yet."""
        blob = self._client.blob(repository, descriptor)
        if self._copies is not None:
            blob = self._copies.reader(blob, descriptor.digest, str(repository.registry))
        ranges = Partition(self._ranges, str(repository.registry))
        return CachedReader(blob, descriptor.digest, ranges, ahead=self._ahead)

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
        """The opened layer; one that breaks its format or its bounds has a flaw. Raises what the registry raises."""
        key = _layer_key(repository, descriptor)
        flawed = self._flawed_layers.peek(key)
        if flawed is not None:
            return flawed
        try:
            return self._layers.get(key, lambda: self._open_layer(repository, descriptor))
        except (Corrupt, NoRoom) as error:
            _log.warning("%s: shown as its blob: %s", repository, error)
            flaw = str(error)
        return self._flawed_layers.get(key, lambda: Layer(descriptor, None, flaw=flaw))

    def image_layer(self, repository: Repository, manifest: Manifest, descriptor: Descriptor) -> Layer:
        """The layer as a part of an image; one whose content is not what the image's config says has a flaw."""
        layer = self.layer(repository, descriptor)
        config = self.config(repository, manifest) if layer.diff_id is not None and layer.tree is not None else None
        if config is None or len(config.diff_ids) != len(manifest.layers):
            return layer
        said = {
            diff_id
            for part, diff_id in zip(manifest.layers, config.diff_ids, strict=True)
            if part.digest == descriptor.digest
        }
        if said == {str(layer.diff_id)}:
            return layer
        expected = ", ".join(sorted(text[:100] for text in said))
        flaw = f"layer {descriptor.digest}: DiffID {layer.diff_id}; expected {expected} by the image's config"
        return Layer(descriptor, None, flaw=flaw, diff_id=layer.diff_id)

    def probe(self, repository: Repository, descriptor: Descriptor) -> Probe:
        """How the layer can be read, without reading it through; raises what the registry raises."""
        return probe(self.blob(repository, descriptor), descriptor, self._means_of(repository))

    def opened_layer(self, repository: Repository, descriptor: Descriptor) -> Layer | None:
        """The layer, if it is open already; None else, and nothing is asked for it."""
        key = _layer_key(repository, descriptor)
        return self._layers.peek(key) or self._flawed_layers.peek(key)

    def layer_root(self, repository: Repository, manifest: Manifest, descriptor: Descriptor) -> Directory | None:
        """The layer's tree with links followed inside it; None where it has no tree."""
        tree = self.image_layer(repository, manifest, descriptor).tree
        if tree is None:
            return None
        key = (manifest.config.digest, *_layer_key(repository, descriptor))
        tree_id = "/".join(map(str, key))
        return self._roots.get(key, lambda: self._followed(repository, manifest, tree, tree_id))

    def image(self, repository: Repository, descriptor: Descriptor, manifest: Manifest) -> Image:
        """The opened image, its layers opened in parallel; raises what the registry raises."""
        key = (repository.registry, descriptor.digest)

        def opened() -> Image:
            return self._images.get(key, lambda: self._open_image(repository, descriptor, manifest))

        image = opened()
        if all(self._is_settled(repository, layer) for _, layer in image.flawed_layers):
            return image
        self._images.discard(key)  # what could not be read may be readable by now
        return opened()

    def _open_manifest(self, repository: Repository, descriptor: Descriptor) -> Manifest | Index:
        """From the store where it was kept: a GET of a manifest is what Docker Hub counts as a pull."""
        kept = kept_document(self._ranges, descriptor.digest)
        if kept is not None:
            return parse_manifest(kept, descriptor.media_type)
        manifest = self._client.manifest(repository, descriptor)
        keep_document(self._ranges, descriptor.digest, manifest.document)
        return manifest

    def _read_document(self, repository: Repository, descriptor: Descriptor) -> bytes:
        kept = kept_document(self._ranges, descriptor.digest)
        if kept is not None:
            return kept
        document = self._client.read_blob(repository, descriptor, MANIFEST_SIZE_LIMIT)
        keep_document(self._ranges, descriptor.digest, document)
        return document

    def _open_layer(self, repository: Repository, descriptor: Descriptor) -> Layer:
        archive = open_archive(self.blob(repository, descriptor), descriptor, self._means_of(repository))
        if archive is None:
            _log.info("%s@%s: no layer that can be read file by file", repository, descriptor.digest)
            return Layer(descriptor, None, flaw=NO_FORMAT)
        diff_id = archive.diff_id if isinstance(archive, ReadThrough) else None
        tree = self._trees.tree(descriptor.digest, archive)
        return Layer(descriptor, tree, len(archive.entries), diff_id=diff_id)

    def _means_of(self, repository: Repository) -> Means:
        source = str(repository.registry)
        chunks = Partition(self._means.chunks, source)
        return replace(self._means, chunks=chunks, source=source, find_toc=partial(self._find_toc, repository))

    def _open_image(self, repository: Repository, descriptor: Descriptor, manifest: Manifest) -> Image:
        def opened(layer: Descriptor) -> Layer:
            if not may_be_archive(layer, manifest):
                return Layer(layer, None, flaw=NO_FORMAT)
            return self.image_layer(repository, manifest, layer)

        waiting = copy_context()
        layers = list(self._openers.map(lambda layer: waiting.copy().run(opened, layer), manifest.layers))
        layers = list(self._within_limit(layers))
        trees = [layer.tree for layer in layers if layer.tree is not None]
        return Image(manifest, layers, self._followed(repository, manifest, merge(trees), str(descriptor.digest)))

    def _within_limit(self, layers: Sequence[Layer]) -> Iterator[Layer]:
        """The layers; in place of those beyond the entries that an image may have, flaws."""
        count = 0
        for layer in layers:
            count += layer.entry_count
            is_beyond = count > self._means.limits.image_entries
            yield Layer(layer.descriptor, None, flaw=_TOO_MANY_ENTRIES) if is_beyond else layer

    def _is_settled(self, repository: Repository, layer: Layer) -> bool:
        if layer.flaw == _TOO_MANY_ENTRIES or layer.diff_id is not None:
            return True
        return self.opened_layer(repository, layer.descriptor) is layer

    def _followed(self, repository: Repository, manifest: Manifest, tree: Directory, tree_id: str) -> Directory:
        def created() -> datetime | None:
            config = self.config(repository, manifest)
            return config.created if config else None

        return follow_links(tree, tree_id=tree_id, default_mtime=created)


def _layer_key(repository: Repository, descriptor: Descriptor) -> LayerKey:
    """Who sent it, digest, and what is said of the TOC: a registry or manifest that lies of a layer harms no other."""
    return repository.registry, descriptor.digest, toc_annotations(descriptor)
