"""`/layers/<registry>/<owner>/<image>/<reference>/`: one image, layer by layer, each opened when looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import NotFound
from crfs_dav.images.opened import Layer
from crfs_dav.images.platforms import Platforms
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Repository, digest_of
from crfs_dav.namespace.documents import README, blob_file, json_file, unreadable_layer_file
from crfs_dav.namespace.incomplete import IncompleteDirectory
from crfs_dav.oci import TITLE_ANNOTATION, Descriptor, Index, Manifest, Platform, may_be_archive
from crfs_dav.readers import BytesReader
from crfs_dav.tree.lazy import LazyDirectory
from crfs_dav.tree.node import Directory, Node
from crfs_dav.tree.static import StaticDirectory

_RESERVED = frozenset({"config", "manifest", "bottom", "top"})
_COMPONENT_LIMIT = 255  # bytes; what file systems hold


def layers_directory(store: ImageStore, repository: Repository, manifest: Manifest) -> Directory:
    """`0/ 1/ … sha256-…/ bottom/ top/ config manifest` of one image manifest, and its artifacts by title."""

    def open_layer(layer: Descriptor) -> Directory:
        root = store.layer_root(repository, manifest, layer)
        return root or unreadable_layer(store, repository, store.image_layer(repository, manifest, layer))

    files = [layer for layer in manifest.layers if not may_be_archive(layer, manifest)]
    children: dict[str, Node] = dict(artifact_files(store, repository, files))
    archives = {
        number: (layer, LazyDirectory(partial(open_layer, layer)))
        for number, layer in enumerate(manifest.layers)
        if may_be_archive(layer, manifest)
    }
    children |= {str(number): node for number, (_, node) in archives.items()}
    children |= {layer.digest.file_name: node for layer, node in archives.values()}
    if archives:
        children |= {"bottom": archives[min(archives)][1], "top": archives[max(archives)][1]}
    children["config"] = json_file(
        "config", manifest.config, lambda: BytesReader(store.document(repository, manifest.config))
    )
    children["manifest"] = _document_file(manifest)
    return StaticDirectory(children)


class IndexDirectory:
    """An index: a directory per platform, and what the default platform's image holds as if it stood alone.

    `manifest` is the index's own document.
    """

    def __init__(
        self, index: Index, platforms: Platforms, default: Platform, open_manifest: Callable[[Descriptor], Directory]
    ) -> None:
        self._index = index
        self._platforms = platforms
        self._platform = default
        self._open_manifest = open_manifest
        self.entry = Entry("", Kind.DIR, mode=0o755)

    def lookup(self, name: str) -> Node:
        """Platform, `manifest`, or child of the default platform; raises NotFound."""
        return self._own_children.get(name) or self._default().lookup(name)

    def children(self) -> Mapping[str, Node]:
        """All of them."""
        try:
            return {**self._default().children(), **self._own_children}
        except NotFound:  # no such platform in the index: what it has is still there to see
            return self._own_children

    def _default(self) -> Directory:
        return self._open_manifest(self._platforms.choose(self._platform))

    @cached_property
    def _own_children(self) -> dict[str, Node]:
        children: dict[str, Node] = {}
        for platform, descriptor in self._platforms.offers:
            name = platform.file_name if platform else "unknown"
            name = f"{name}@{descriptor.digest.hex[:12]}" if name in children else name
            children[name] = LazyDirectory(partial(self._open_manifest, descriptor))
        children["manifest"] = _document_file(self._index)
        return children


def artifact_files(store: ImageStore, repository: Repository, layers: Iterable[Descriptor]) -> dict[str, Node]:
    """Blobs that are no archives, by file name: their title's last component, else their digest."""
    files: dict[str, Node] = {}
    for layer in layers:
        title = _title(layer)
        name = layer.digest.file_name if not title or title in files or title in _RESERVED else title
        files[name] = blob_file(store, repository, layer, name)
    return files


def unreadable_layer(store: ImageStore, repository: Repository, opened: Layer) -> Directory:
    """What stands for a layer that cannot be read file by file: its blob, and the reason."""
    layer = opened.descriptor
    title = _title(layer)
    blob = blob_file(store, repository, layer, layer.digest.file_name if title in ("", README) else title)
    shown = StaticDirectory({README: unreadable_layer_file(opened), blob.entry.name: blob})
    return IncompleteDirectory(shown, f"layer {layer.digest}: {opened.flaw}")


def _title(layer: Descriptor) -> str:
    """Titles come from strangers: with slashes of both kinds, `..`, control characters, any length."""
    name = layer.annotations.get(TITLE_ANNOTATION, "").replace("\\", "/").rstrip("/").rpartition("/")[2]
    legal = name.isprintable() and name not in (".", "..") and len(name.encode(errors="replace")) <= _COMPONENT_LIMIT
    return name if legal else ""


def _document_file(manifest: Manifest | Index) -> Node:
    descriptor = Descriptor(manifest.media_type, digest_of(manifest.document), len(manifest.document))
    return json_file("manifest", descriptor, lambda: BytesReader(manifest.document))
