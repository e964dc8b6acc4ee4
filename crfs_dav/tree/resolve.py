"""Where a path leads when symlinks are followed inside a root, as in Linux `path_resolution(7)` below a chroot.

Works on raw trees, whose symlinks are nodes. Absolute targets start at the root, and `..` stops there.
"""

from __future__ import annotations

from dataclasses import dataclass

from crfs_dav.archive import Kind
from crfs_dav.errors import NotFound
from crfs_dav.tree.node import Directory, Node, is_directory

LINK_LIMIT = 40  # symlinks on one path, as in Linux
TARGET_LIMIT = 4096  # characters of a link's target, as in Linux


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A directory where it really is: no symlink stands in `path`."""

    directory: Directory
    path: tuple[str, ...] = ()
    above: Place | None = None  # None at the root

    def below(self, name: str, directory: Directory) -> Place:
        """Place of this directory's child `name`."""
        return Place(directory, (*self.path, name), self)

    @property
    def root(self) -> Place:
        """The root that this place is in."""
        place = self
        while place.above is not None:
            place = place.above
        return place


def resolve(start: Place, path: str, *, links: int = 0) -> Place | Node:
    """Place of the directory, or else the node, that `path` leads to from `start`, all symlinks followed.

    `links` have been followed already to come to `path`.
    Raises NotFound for a path that leads nowhere, through a file, through more than 40 links or an endless one.
    """
    place = _origin(start, path)
    pending = _components(path)
    while pending:
        name = pending.pop()
        if name in ("", ".", ".."):
            place = (place.above or place) if name == ".." else place
            continue
        node = place.directory.lookup(name)
        if is_directory(node):
            place = place.below(name, node)
            continue
        if node.entry.kind is not Kind.SYMLINK:
            return _last(node, pending)
        links += 1
        if links > LINK_LIMIT:
            raise NotFound(f"path: {path[:150]!r} leads through {links} links; expected at most {LINK_LIMIT}")
        place = _origin(place, node.entry.link_name)
        pending += _components(node.entry.link_name)
    return place


def _origin(place: Place, path: str) -> Place:
    return place.root if path.startswith("/") else place


def _components(path: str) -> list[str]:
    """Components of `path`, the first one last."""
    if not 0 < len(path) <= TARGET_LIMIT:
        raise NotFound(f"path: {len(path)} characters; expected 1 to {TARGET_LIMIT}")
    return path.split("/")[::-1]


def _last(node: Node, pending: list[str]) -> Node:
    if pending:
        raise NotFound(f"path: {pending[-1]!r} below a file; expected a directory above it")
    return node
