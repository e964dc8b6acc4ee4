"""A tree without links: symlinks show as what they lead to, for protocols that know directories and files only.

In this view every node is a `Directory` or a `File`. A link that leads nowhere, to itself, or to a directory on its
own way down is a file of its target's text, as Git does on systems without links; so every recursive walk ends.
Immutable but for a small memory of what was looked up; for any thread. Costs nothing to make, follows a link when asked
for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TypeGuard

from lru import LRU

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import NotFound
from crfs_dav.names import digest_of
from crfs_dav.readers import BytesReader, ReaderAt, kept_start
from crfs_dav.tree.node import Directory, File, Node, is_directory
from crfs_dav.tree.resolve import Place, resolve

DIRECTORY_LINK_LIMIT = 16  # links to directories on one way down; a web of links grows with this power
_FOUND_LIMIT = 2048  # nodes a tree that were looked up lately; each takes about 1 KB, its entry with it


def follow_links(
    root: Directory, *, tree_id: str, default_mtime: Callable[[], datetime | None] = lambda: None
) -> Directory:
    """The link-free view of the tree at `root`, called `tree_id`; nothing outside it can be reached.

    `default_mtime` is asked when a directory's entry is, and states no time: implied directories are such.
    """
    place = Place(root)
    return _LinkedDirectory(_Way(place, frozenset({place.path}), _Tree(tree_id, default_mtime)), "")


class _Tree:
    """What all directories of one tree share, and what was looked up in them lately: most requests ask again."""

    def __init__(self, tree_id: str, default_mtime: Callable[[], datetime | None]) -> None:
        self.tree_id = tree_id
        self.default_mtime = default_mtime
        self._lock = threading.Lock()
        self._found: LRU[tuple[_LinkedDirectory, str], Node] = LRU(_FOUND_LIMIT)

    def recall(self, directory: _LinkedDirectory, name: str) -> Node | None:
        with self._lock:
            return self._found.get((directory, name))

    def remember(self, directory: _LinkedDirectory, name: str, node: Node) -> None:
        with self._lock:
            self._found[directory, name] = node


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """How a directory was come to: where it really is, and the real paths of all directories passed."""

    place: Place
    passed: frozenset[tuple[str, ...]]
    tree: _Tree
    links: int = 0

    def down(self, name: str, directory: Directory) -> _Way:
        place = self.place.below(name, directory)
        return replace(self, place=place, passed=self.passed | {place.path})

    def across(self, place: Place) -> _Way | None:
        if place.path in self.passed or self.links >= DIRECTORY_LINK_LIMIT:
            return None
        return replace(self, place=place, passed=self.passed | {place.path}, links=self.links + 1)


class _LinkedDirectory:
    """A directory, come to by a link if `link_name` is not empty."""

    def __init__(self, way: _Way, link_name: str) -> None:
        self._way = way
        self._link_name = link_name

    @property
    def tree_id(self) -> str:
        return self._way.tree.tree_id

    @cached_property
    def entry(self) -> Entry:
        entry = self._way.place.directory.entry
        mtime = self._way.tree.default_mtime() if entry.mtime is None else entry.mtime
        return replace(entry, link_name=self._link_name, mtime=mtime)

    def lookup(self, name: str) -> Node:
        known = self._way.tree.recall(self, name)
        if known is not None:
            return known
        shown = self._show(name, self._way.place.directory.lookup(name))
        if shown is None:
            raise NotFound(f"directory: {name[:150]!r} is a hard link without a target; expected a file")
        self._way.tree.remember(self, name, shown)
        return shown

    def children(self) -> Mapping[str, Node]:
        shown = {name: self._show(name, node) for name, node in self._way.place.directory.children().items()}
        return {name: node for name, node in shown.items() if node is not None}

    def _show(self, name: str, node: Node) -> Node | None:
        """What stands for a raw node; None for what is hidden."""
        if is_directory(node):
            return _LinkedDirectory(self._way.down(name, node), "")
        if _is_file(node):
            return node
        kind = node.entry.kind
        if kind is Kind.SYMLINK:
            return self._follow(node.entry)
        return None if kind is Kind.HARDLINK else _LiteralFile(node.entry, b"")

    def _follow(self, link: Entry) -> Node:
        try:
            target = resolve(self._way.place, link.link_name, links=1)
        except NotFound:
            return _LiteralFile(link, _text_bytes(link.link_name))
        if isinstance(target, Place):
            way = self._way.across(target)
            return (
                _LiteralFile(link, _text_bytes(link.link_name))
                if way is None
                else _LinkedDirectory(way, link.link_name)
            )
        if _is_file(target):
            return _LinkedFile(target, link.link_name)
        if target.entry.kind is Kind.HARDLINK:
            return _LiteralFile(link, _text_bytes(link.link_name))
        return _LiteralFile(replace(target.entry, link_name=link.link_name), b"")


class _LinkedFile:
    """A file, come to by a link."""

    def __init__(self, file: File, link_name: str) -> None:
        self._file = file
        self._link_name = link_name

    @cached_property
    def entry(self) -> Entry:
        return replace(self._file.entry, link_name=self._link_name)

    @property
    def content_id(self) -> str:
        return self._file.content_id

    def open(self) -> ReaderAt:
        return self._file.open()

    def kept_start(self, size: int) -> bytes:
        return kept_start(self._file, size)


class _LiteralFile:
    """A few bytes in place of what cannot be shown; the entry keeps its kind."""

    def __init__(self, entry: Entry, data: bytes) -> None:
        self.entry = replace(entry, size=len(data))
        self._data = data

    @property
    def content_id(self) -> str:
        return str(digest_of(self._data))

    def open(self) -> ReaderAt:
        return BytesReader(self._data)


def _is_file(node: Node) -> TypeGuard[File]:
    return hasattr(node, "open")


def _text_bytes(text: str) -> bytes:
    """The bytes that a link's target was read from."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that no byte stands for
        return text.encode("utf-8", "surrogatepass")
