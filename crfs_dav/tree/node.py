"""A place in a tree: `Node`, `File`, `Directory`; `walk` goes down by path.

Nodes are immutable (a directory's listing may grow where it stands for something remote) and serve any thread.
What is no file and no directory (symlink, char, block, fifo) is a plain `Node` that only its entry describes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeGuard, cast

from crfs_dav.archive import Entry, Stat, stat_of
from crfs_dav.errors import NotFound
from crfs_dav.readers import ReaderAt


class Node(Protocol):
    """Anything that has a name in a directory."""

    @property
    def entry(self) -> Entry:
        """What is known of it; of a hard link, the entry of its target. Kind DIR means a `Directory`.

        Free of I/O inside layers and images; a name above them may be looked up now, and raise NotFound.
        """
        ...


class File(Node, Protocol):
    """A node with content."""

    @property
    def content_id(self) -> str:
        """Opaque text in `[A-Za-z0-9.:_-]` that changes whenever the bytes do; the same after a restart."""
        ...

    def open(self) -> ReaderAt:
        """The content, verified as it is read; its size equals `entry.size`."""
        ...


class Directory(Node, Protocol):
    """A node with children."""

    def lookup(self, name: str) -> Node:
        """Child called exactly `name`; raises NotFound. May know more names than `children` lists."""
        ...

    def children(self) -> Mapping[str, Node]:
        """Children by name, as far as they can be listed."""
        ...


class Immutable(Protocol):
    """A directory of a tree that never changes, so that what is made of its listing may be kept."""

    @property
    def tree_id(self) -> str:
        """Text that names the whole tree: equal text and equal path below its root mean equal listings, for ever."""
        ...


class Brief(Protocol):
    """A node that can say what listings show of it without making its entry."""

    @property
    def stat(self) -> Stat:
        """The same as of its entry."""
        ...


def stat_of_node(node: Node | Brief) -> Stat:
    """What listings show of `node`; raises what asking for its entry raises."""
    stat: Stat | None = getattr(node, "stat", None)
    return stat_of(cast(Node, node).entry) if stat is None else stat


def is_immutable(directory: Directory) -> TypeGuard[Immutable]:
    """True if `directory` says which tree it is in."""
    return hasattr(directory, "tree_id")


def is_directory(node: Node) -> TypeGuard[Directory]:
    """True if `node` has children. Asks for no entry: upper levels may resolve a name there."""
    return hasattr(node, "lookup")


def walk(root: Directory, components: Sequence[str]) -> Node:
    """Node at the end of `components`; raises NotFound. Follows no links: `tree.links` shows a tree without any."""
    node: Node = root
    for component in components:
        if not is_directory(node):
            raise NotFound(f"path: {component!r} below a file; expected a directory above it")
        node = node.lookup(component)
    return node
