"""A layer as a tree: the archive as it is, whiteouts as the empty files that they are, links as link nodes.

Rules: section 6 of the notes on formats, 1 to 6. Immutable but for a small memory of directories; for any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from lru import LRU

from crfs_dav.archive import Archive, Entry, Kind, Stat
from crfs_dav.errors import NotFound
from crfs_dav.readers import ReaderAt, kept_start
from crfs_dav.tree.builder import build_skeleton
from crfs_dav.tree.node import Node
from crfs_dav.tree.skeleton import NO_POSITION, Path, RowKind, Skeleton

_LISTING_LIMIT = 512  # names; a bigger directory is searched by bisection and listed anew each time
_LISTINGS = 128  # so at most 65,536 nodes a layer, some 20 MB
_NOTHING: Mapping[int, Node] = MappingProxyType({})


def build_tree(archive: Archive, layer_id: str) -> LayerTree:
    """Root directory of the archive's tree."""
    return tree_of(archive, layer_id, build_skeleton(archive, layer_id, through={}))


def tree_of(archive: Archive, layer_id: str, skeleton: Skeleton) -> LayerTree:
    """Root directory of the tree that `skeleton`, built before of the same outline, is the shape of."""
    return LayerTree(_Source(archive, layer_id), skeleton)


@dataclass(frozen=True, slots=True)
class _Source:
    archive: Archive
    layer_id: str

    def entry(self, position: int) -> Entry:
        return self.archive.entries[position]

    def implied_directory(self, name: str) -> Entry:
        return Entry(name, Kind.DIR, mode=0o755, implied=True)


class LayerTree:
    """Root directory of a layer."""

    def __init__(self, source: _Source, skeleton: Skeleton, borrowed: Mapping[int, Node] = _NOTHING) -> None:
        self._source = source
        self._skeleton = skeleton
        self._borrowed = borrowed
        self._lock = threading.Lock()
        self._listings: LRU[int, Mapping[str, Node]] = LRU(_LISTINGS)

    @property
    def skeleton(self) -> Skeleton:
        """Its shape."""
        return self._skeleton

    @property
    def layer_id(self) -> str:
        """What the layer is called in content ids and in the log."""
        return self._source.layer_id

    @cached_property
    def entry(self) -> Entry:
        """The archive's entry for its root, if it has one."""
        return self.directory_entry(0, "")

    def lookup(self, name: str) -> Node:
        """Child of the root called `name`; raises NotFound."""
        return self.child(0, name)

    def children(self) -> Mapping[str, Node]:
        """Children of the root, by name."""
        return self.listing(0)

    def implied_directories(self) -> Iterator[Path]:
        """Paths of the directories that the archive does not list, and of those above them; parents first."""
        rows: set[int] = set()
        for row in self._skeleton.implied:
            while row and row not in rows:
                rows.add(row)
                row = self._skeleton.parents[row]
        return map(self._skeleton.path, sorted(rows))

    def unresolved_links(self) -> Mapping[int, Path]:
        """Cleaned target of each hard link whose target is not in this layer, by a number for `borrowing`."""
        return self._skeleton.unresolved

    def borrowing(self, nodes: Mapping[int, Node]) -> LayerTree:
        """The same tree with `nodes` of lower layers in the places of unresolved links."""
        return LayerTree(self._source, self._skeleton, nodes)

    def written_through(self, links: Mapping[Path, str]) -> LayerTree:
        """The tree that unpacking gives where `links` are symlinks of lower layers, targets by path."""
        return LayerTree(self._source, build_skeleton(self._source.archive, self.layer_id, through=links))

    def child(self, directory: int, name: str) -> Node:
        """Child of a directory's row; raises NotFound."""
        node: Node | None
        if self._skeleton.counts[directory] > _LISTING_LIMIT:
            row = self._skeleton.child(directory, name)
            node = None if row is None else self._node(row, name)
        else:
            node = self.listing(directory).get(name)
        if node is None:
            raise NotFound(f"layer {self.layer_id}: no {name[:150]!r}; expected a name in this directory")
        return node

    def listing(self, directory: int) -> Mapping[str, Node]:
        """Children of a directory's row."""
        with self._lock:
            listing = self._listings.get(directory)
        if listing is None:
            node = self._node
            children = self._skeleton.children(directory)
            listing = MappingProxyType({name: node(row, name) for name, row in children})
            if len(listing) <= _LISTING_LIMIT:
                with self._lock:
                    self._listings[directory] = listing
        return listing

    def directory_entry(self, row: int, name: str) -> Entry:
        """Entry of a directory's row, made up where the archive has none."""
        position = self._skeleton.positions[row]
        return self._source.implied_directory(name) if position == NO_POSITION else self._source.entry(position)

    def _node(self, row: int, name: str) -> Node:
        kind = self._skeleton.kinds[row]
        if kind == RowKind.DIR:
            return LayerDirectory(self, row, name)
        if row in self._borrowed:
            return self._borrowed[row]
        position = self._skeleton.positions[row]
        return LayerFile(self._source, position) if kind == RowKind.REG else LayerNode(self._source, position)


class LayerDirectory:
    """A directory of a layer, but for the root."""

    def __init__(self, tree: LayerTree, row: int, name: str) -> None:
        self._tree = tree
        self._row = row
        self._name = name

    @cached_property
    def entry(self) -> Entry:
        """The archive's entry, or an implied one."""
        return self._tree.directory_entry(self._row, self._name)

    def lookup(self, name: str) -> Node:
        """Child called `name`; raises NotFound."""
        return self._tree.child(self._row, name)

    def children(self) -> Mapping[str, Node]:
        """Children by name."""
        return self._tree.listing(self._row)


class LayerFile:
    """A file of a layer; a hard link is its target."""

    def __init__(self, source: _Source, position: int) -> None:
        self._source = source
        self._position = position
        self._content: ReaderAt | None = None
        self._stat: Stat | None = None

    @cached_property
    def entry(self) -> Entry:
        """The archive's entry."""
        return self._source.entry(self._position)

    @property
    def stat(self) -> Stat:
        """What listings show of it."""
        if self._stat is None:
            self._stat = self._source.archive.stat(self._position)
        return self._stat

    @property
    def content_id(self) -> str:
        """The content's digest where the archive tells it, else the layer and the place in it."""
        return self.stat.digest or f"{self._source.layer_id}.{self._position}"

    def open(self) -> ReaderAt:
        """The verified content; raises Corrupt."""
        if self._content is None:
            self._content = self._source.archive.open(self._position)
        return self._content

    def kept_start(self, size: int) -> bytes:
        """The first bytes, at most `size` of them, as far as they are in memory; raises Corrupt."""
        return kept_start(self.open(), size)


class LayerNode:
    """What is no file and no directory: a symlink, a device, a fifo, a hard link that leads nowhere."""

    def __init__(self, source: _Source, position: int) -> None:
        self._source = source
        self._position = position

    @cached_property
    def entry(self) -> Entry:
        """The archive's entry."""
        return self._source.entry(self._position)
