"""Layers merged into one tar: the root file system that they make, as `images` shows it and engines unpack it.

`tree` says what shows in the end. That is copied out of the unpacked layers in the order of the paths, directories
before what they hold. The first path of a file has its content; its other names are hard links to that one, whichever
of them the layers had as the file, and whether or not its first name is still there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from crfs_dav.archive import EMPTY, Kind
from crfs_dav.convert.unpacked import Placed, UnpackedLayer
from crfs_dav.errors import Corrupt
from crfs_dav.formats.tarstream import BLOCK, TarHeader
from crfs_dav.formats.tarwriter import header_bytes
from crfs_dav.tree.layer import build_tree
from crfs_dav.tree.node import Directory, Node, is_directory
from crfs_dav.tree.overlay import merge

_PIECE = 1 << 20  # bytes
_ROOT = "./"


def merged_tar(layers: Sequence[UnpackedLayer]) -> Iterator[bytes]:
    """The tar of what `layers` make, the lowest first; raises Corrupt for hard links that lead nowhere."""
    root = merge([build_tree(layer, f"{number} (merged)") for number, layer in enumerate(layers)])
    return _Merge(layers, root).pieces()


class _Merge:
    def __init__(self, layers: Sequence[UnpackedLayer], root: Directory) -> None:
        self._layers = layers
        self._root = root
        self._counts = [bytearray(len(layer)) for layer in layers]  # names of each entry: 0, 1, or 2 for more
        self._first: dict[tuple[int, int], str] = {}  # path, of entries with more than one name

    def pieces(self) -> Iterator[bytes]:
        """The tar; once."""
        for _, node in _walk(self._root):
            if isinstance(entry := node.entry, Placed) and entry.kind is not Kind.DIR:
                counts = self._counts[entry.layer]
                counts[entry.position] = min(counts[entry.position] + 1, 2)
        for path, node in _walk(self._root):
            yield from filter(None, self._entry(path, node))
        yield bytes(2 * BLOCK)

    def _entry(self, path: str, node: Node) -> Iterator[bytes]:
        entry = node.entry
        if not isinstance(entry, Placed):
            if path and is_directory(node) and not node.children():
                yield header_bytes(_implied_directory(path))
            return
        place = (entry.layer, entry.position)
        header, stream = self._layers[entry.layer].read_header(entry.position)
        if entry.kind is Kind.HARDLINK:
            raise Corrupt(
                f"tar entry {path[:200]!r}: hard link to {entry.link_name[:200]!r}; expected that to be a file"
            )
        if place in self._first:
            yield header_bytes(_hard_link(header, path, self._first[place]))
            return
        if self._counts[entry.layer][entry.position] > 1:
            self._first[place] = path
        yield header_bytes(replace(header, name=f"{path}/" if path and is_directory(node) else path or _ROOT))
        yield from iter(lambda: stream.read(_PIECE), b"")
        yield stream.read_padding()


def _walk(root: Directory) -> Iterator[tuple[str, Node]]:
    """Paths and nodes, by name, each directory before what is in it."""
    pending: list[tuple[str, Node]] = [("", root)]
    while pending:
        path, node = pending.pop()
        yield path, node
        if is_directory(node):
            children = node.children()
            above = f"{path}/" if path else ""
            pending += [(above + name, children[name]) for name in sorted(children, reverse=True)]


def _hard_link(header: TarHeader, path: str, target: str) -> TarHeader:
    return replace(header, kind=Kind.HARDLINK, name=path, link_name=target, size=0, xattrs=EMPTY, device=(0, 0))


def _implied_directory(path: str) -> TarHeader:
    """An empty directory that no layer lists: what was in it has been removed."""
    return TarHeader(
        raw=b"",
        name=f"{path}/",
        kind=Kind.DIR,
        size=0,
        mode=0o755,
        uid=0,
        gid=0,
        mtime=Fraction(0),
        link_name="",
        user_name="",
        group_name="",
        device=(0, 0),
        xattrs=EMPTY,
    )
