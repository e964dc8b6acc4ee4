"""`/layers/local/` and `/images/local/`: archives and images in a folder of the server's disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import CrfsError, NotFound
from crfs_dav.images.local import LOCAL, LocalImages
from crfs_dav.images.store import ImageStore
from crfs_dav.local.layout import Layout
from crfs_dav.names import Repository
from crfs_dav.namespace.layers import unreadable_layer
from crfs_dav.namespace.probes import is_probe
from crfs_dav.namespace.views import View
from crfs_dav.oci import Descriptor
from crfs_dav.tree.lazy import LazyDirectory
from crfs_dav.tree.links import follow_links
from crfs_dav.tree.node import Directory, Node
from crfs_dav.tree.static import StaticDirectory

_DIRECTORY = Entry("", Kind.DIR, mode=0o755)


class LocalLayersDirectory:
    """Every archive as the tree that it is, and every image by its references, layer by layer."""

    def __init__(self, local: LocalImages, store: ImageStore, view: View) -> None:
        self._local = local
        self._store = store
        self._view = view
        self.entry = _DIRECTORY

    def lookup(self, name: str) -> Node:
        """Archive or image called `name`, packed ones not opened yet; raises NotFound."""
        if not self._shows(name) or name not in self._local.names():
            raise NotFound(f"local: no {name[:200]!r}; expected an archive or an image layout in the folder")
        return LazyDirectory(partial(self._open, name))

    def children(self) -> Mapping[str, Node]:
        """Archives, and image layouts."""
        return {name: LazyDirectory(partial(self._open, name)) for name in filter(self._shows, self._local.names())}

    def _shows(self, name: str) -> bool:
        """False for a directory that is no layout, for what only systems ask for, and for what is gone by now."""
        if is_probe(name):
            return False
        try:
            self._local.opened_layout(name)
        except NotFound:
            return False
        except CrfsError:  # whoever looks inside is told
            return True
        return True

    def _open(self, name: str) -> Directory:
        layout = self._local.layout(name)
        return self._archive(name) if layout is None else references_directory(layout, name, self._view)

    def _archive(self, name: str) -> Directory:
        descriptor, mtime = self._local.archive(name)
        repository = Repository(LOCAL, name)
        tree = self._store.layer(repository, descriptor).tree
        if tree is None:
            return unreadable_layer(self._store, repository, self._store.layer(repository, descriptor))
        return follow_links(tree, tree_id=f"local/{descriptor.digest}", default_mtime=lambda: mtime)


class LocalImagesDirectory:
    """Every image by its references, layers merged."""

    def __init__(self, local: LocalImages, view: View) -> None:
        self._local = local
        self._view = view
        self.entry = _DIRECTORY

    def lookup(self, name: str) -> Node:
        """References of the image `name`; raises NotFound for what is no image, Corrupt for a broken one."""
        layout = None if is_probe(name) or name not in self._local.names() else self._local.layout(name)
        if layout is None:
            raise NotFound(f"local: no image {name[:200]!r}; expected a layout or a saved image in the folder")
        return references_directory(layout, name, self._view)

    def children(self) -> Mapping[str, Node]:
        """Images; a packed archive of some is listed once somebody has looked inside."""
        names = [name for name in self._local.names() if not is_probe(name)]
        layouts = {name: _or_none(partial(self._local.opened_layout, name)) for name in names}
        return {name: references_directory(layout, name, self._view) for name, layout in layouts.items() if layout}


def references_directory(layout: Layout, name: str, view: View) -> Directory:
    """What each reference of a local image names, and the same by digest."""

    def open_image(descriptor: Descriptor) -> Directory:
        return view(Repository(LOCAL, name), descriptor)

    return StaticDirectory(
        {shown: LazyDirectory(partial(open_image, each)) for shown, each in layout.references.items()}
    )


def _or_none(find: Callable[[], Layout | None]) -> Layout | None:
    try:
        return find()
    except CrfsError:
        return None
