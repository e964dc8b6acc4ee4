"""Builds a layer's `Skeleton` in one pass over what its archive lists, in the way of an unpacker.

Later entries replace earlier ones, a directory keeps its children when it is listed again, missing parents are
implied, and what is listed below a symlink is written through it, inside the layer. Time and memory are linear in
the archive, whatever it lists.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import accumulate, islice
from operator import eq

from crfs_dav.archive import Archive, Kind, Outline
from crfs_dav.tree.skeleton import NO_POSITION, Path, RowKind, Skeleton, clean, encode_name

DEPTH_LIMIT = 200  # components of a path
LINK_LIMIT = 40  # symlinks on one path, as in Linux
TARGET_LIMIT = 4096  # characters of a link's target, as in Linux
IMPLIED_LIMIT = 500_000  # directories that no entry lists; each costs some 250 bytes while building
_HEADS_LIMIT = 4096
_BATCH = 1024  # entries
_NO_NAMES = frozenset({"", ".", ".."})
_SORTED_AT_ONCE = 1 << 14  # names of one directory
_WHITEOUT = b".wh."
_REG, _DIR = int(RowKind.REG), int(RowKind.DIR)  # to look them up for each entry is slow in Python 3.11
_Chains = tuple["array[int]", "array[int]"]  # first child and next sibling of each row, 0 for none

_log = logging.getLogger(__name__)
_ROW_KINDS = {
    Kind.REG: RowKind.REG,
    Kind.DIR: RowKind.DIR,
    Kind.SYMLINK: RowKind.SYMLINK,
    Kind.HARDLINK: RowKind.HARDLINK,
}


def build_skeleton(archive: Archive, layer_id: str, *, through: Mapping[Path, str]) -> Skeleton:
    """Shape of the archive's tree; `through` holds symlinks of lower layers, targets by path."""
    builder = _Builder(archive)
    for path, target in through.items():
        builder.add_write_through(path, target)
    builder.add_all(archive.outline())
    skeleton = builder.finish()
    for why, count in builder.dropped.items():
        _log.warning("layer %s: %d entries left out: %s, first %r", layer_id, count, why, builder.examples[why][:200])
    return skeleton


class _Builder:
    """Rows so far; `linkable` knows the directories and symlinks among them, which a path can lead through."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._bases: list[str] = []  # of the last rows, on their way into the names
        self._names = bytearray()
        self._ends = array("I", [0])
        self._parents = array("I", [0])
        self._positions = array("i", [NO_POSITION])
        self._kinds = bytearray([RowKind.DIR])
        self._depths = bytearray([0])
        self._linkable: dict[tuple[int, str], int] = {}
        self._heads: dict[str, int] = {"": 0}  # directory paths as spelled, for speed
        self._through: dict[int, str] = {}
        self._implied = 0
        self._unresolved: dict[int, Path] = {}
        self._replaced: dict[tuple[int, bytes], list[int]] = {}  # rows in no directory, of names that came again
        self.dropped: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add_write_through(self, path: Path, target: str) -> None:
        """Send what the archive lists below `path` to the target of the symlink there."""
        parent = self._directory(list(path[:-1]), self._imply)
        if parent is not None:
            row = self._append(parent, path[-1], RowKind.WRITE_THROUGH, NO_POSITION)
            self._linkable[parent, path[-1]] = row
            self._through[row] = target

    def add_all(self, outline: Iterable[Outline]) -> None:
        """Take in all entries. What most of them are costs a few steps: files in known directories, replacing none."""
        heads, linkable, depths = self._heads, self._linkable, self._depths
        reg = Kind.REG
        entries = enumerate(outline)
        while batch := list(islice(entries, _BATCH)):
            for position, (name, kind, _) in batch:
                head, _, base = name.rpartition("/")
                parent = heads.get(head)
                is_usual = kind is reg and base not in _NO_NAMES and "\0" not in name
                if is_usual and parent is not None and depths[parent] < DEPTH_LIMIT and (parent, base) not in linkable:
                    self._parents.append(parent)
                    self._positions.append(position)
                    self._kinds.append(_REG)
                    depths.append(depths[parent] + 1)
                    self._bases.append(base)
                else:
                    self.add(position, name, kind)
            self._store_names()

    def add(self, position: int, name: str, kind: Kind) -> None:
        """Take in the entry at `position`."""
        head, _, base = name.rstrip("/").rpartition("/")
        if base in _NO_NAMES or "\0" in name:
            components = clean(name)
            if not name or "\0" in name or not (components or kind is Kind.DIR):
                self._drop("no name for it", name)
                return
            if not components:
                self._positions[0] = position
                return
            head, base = "/".join(components[:-1]), components[-1]
        parent = self._heads.get(head)
        if parent is None:
            parent = self._find_head(head)
        if parent is None or self._depths[parent] >= DEPTH_LIMIT:
            self._drop("too deep, or below a link that leads nowhere", name)
            return
        self._place(parent, base, position, kind)

    def _place(self, parent: int, base: str, position: int, kind: Kind) -> None:
        key = (parent, base)
        row_kind = RowKind.REG if kind is Kind.REG else _ROW_KINDS.get(kind, RowKind.OTHER)  # hashing an Enum is slow
        replaced = self._linkable.pop(key, None)
        if replaced is not None:
            if row_kind is RowKind.DIR and self._kinds[replaced] == RowKind.DIR:
                self._linkable[key] = replaced
                self._positions[replaced] = position
                return
            self._forget_heads()
        row = self._append(parent, base, row_kind, position)
        if row_kind is RowKind.DIR or row_kind is RowKind.SYMLINK:
            self._linkable[key] = row

    def _append(self, parent: int, base: str, kind: RowKind, position: int) -> int:
        self._parents.append(parent)
        self._positions.append(position)
        self._kinds.append(kind)
        self._depths.append(self._depths[parent] + 1)
        self._bases.append(base)
        if len(self._bases) >= _BATCH:
            self._store_names()
        return len(self._kinds) - 1

    def _store_names(self) -> None:
        joined, start = "".join(self._bases), len(self._names)
        names = self._bases if joined.isascii() else list(map(encode_name, self._bases))
        self._names += encode_name(joined)
        self._ends.extend([start + end for end in accumulate(map(len, names))])
        self._bases.clear()

    def _forget_heads(self) -> None:
        self._heads.clear()
        self._heads[""] = 0

    def _drop(self, why: str, name: str) -> None:
        self.dropped[why] += 1
        self.examples.setdefault(why, name)

    def _find_head(self, head: str) -> int | None:
        components = clean(head)
        row = self._directory(components, self._imply) if len(components) < DEPTH_LIMIT else None
        if row is not None:
            if len(self._heads) >= _HEADS_LIMIT:
                self._forget_heads()
            self._heads[head] = row
        return row

    def _directory(self, components: list[str], missing: Callable[[int, str], int | None]) -> int | None:
        """Row of the directory, through symlinks; None for too many links, or where `missing` has no row to give."""
        row, links = 0, 0
        pending = components[::-1]
        while pending:
            name = pending.pop()
            if name in ("", ".", ".."):
                row = self._parents[row] if name == ".." else row
                continue
            child = self._linkable.get((row, name))
            if child is None:
                child = missing(row, name)
                if child is None:
                    return None
            if self._kinds[child] == RowKind.DIR:
                row = child
                continue
            links += 1
            target = self._target(child)
            if links > LINK_LIMIT or target is None:
                return None
            row = 0 if target[:1] == [""] else row
            pending += reversed(target)
        return row

    def _target(self, row: int) -> list[str] | None:
        """Components of a symlink's target, the first one empty in an absolute one; None for one that is too long."""
        text = self._through.get(row)
        if text is None:
            text = self._archive.entries[self._positions[row]].link_name
        return text.split("/") if 0 < len(text) <= TARGET_LIMIT else None

    def _imply(self, parent: int, name: str) -> int | None:
        if self._depths[parent] >= DEPTH_LIMIT or self._implied >= IMPLIED_LIMIT:
            return None
        self._implied += 1
        row = self._append(parent, name, RowKind.DIR, NO_POSITION)
        self._linkable[parent, name] = row
        return row

    def finish(self) -> Skeleton:
        """The tree of what is left, its hard links resolved."""
        self._store_names()
        order, starts, counts, implied = self._sort_children()
        skeleton = Skeleton(
            self._names,
            self._ends,
            self._parents,
            self._positions,
            self._kinds,
            order,
            starts,
            counts,
            implied,
            self._unresolved,
        )
        for row in skeleton.order if RowKind.HARDLINK in self._kinds else ():
            if self._kinds[row] == RowKind.HARDLINK:
                self._resolve_hard_link(row, skeleton)
        return skeleton

    def _sort_children(self) -> tuple[array[int], array[int], array[int], array[int]]:
        """The columns `order`, `starts`, `counts` and `implied`."""
        chains = self._sibling_chains()
        firsts = chains[0]
        order, counts, implied = array("I"), array("I", bytes(4 * len(firsts))), array("I")
        directories = [0]
        while directories:
            directory = directories.pop()
            rows = self._in_order(directory, chains)
            kinds = bytes(map(self._kinds.__getitem__, rows))
            below = [row for row, kind in zip(rows, kinds, strict=True) if kind == _DIR]
            directories += below
            implied.extend([row for row in below if self._positions[row] == NO_POSITION])
            if RowKind.WRITE_THROUGH in kinds:
                rows = [row for row in rows if self._kinds[row] != RowKind.WRITE_THROUGH]
            firsts[directory], counts[directory] = len(order), len(rows)
            order.extend(rows)
        return order, firsts, counts, implied

    def _in_order(self, directory: int, chains: _Chains) -> Sequence[int]:
        """Rows of the directory's children by name, of equal names one."""
        rows = list(islice(_chain(chains[0][directory], chains[1]), _SORTED_AT_ONCE))
        if len(rows) < _SORTED_AT_ONCE:
            names, ends = self._names, self._ends
            pairs = [(names[ends[row - 1] : ends[row]], row) for row in rows]
            pairs.sort()
            sorted_names = [name for name, _ in pairs]
            if not any(map(eq, sorted_names, sorted_names[1:])):
                return [row for _, row in pairs]
        sorted_rows = self._by_name(_chain(chains[0][directory], chains[1]))
        return array("I", self._last_of_each_name(directory, sorted_rows, chains))

    def _by_name(self, rows: Iterator[int]) -> Iterator[int]:
        """`rows` by name, those of equal names as they came; with few names in memory, however many there are."""
        runs = []
        while run := sorted(islice(rows, _SORTED_AT_ONCE), key=self._name):
            runs.append(array("I", run))
        return merge(*runs, key=self._name) if len(runs) > 1 else iter(runs[0] if runs else ())

    def _last_of_each_name(self, directory: int, rows: Iterator[int], chains: _Chains) -> Iterator[int]:
        """Of `rows` in order, the last of each name, but for directories in vain; notes which it replaced."""
        last = 0
        last_name = b""
        for row in rows:
            name = self._name(row)
            if last and name == last_name:
                if not self._is_vain(row, last, *chains):
                    self._replaced.setdefault((directory, name), []).append(last)
                    last = row
                continue
            if last:
                yield last
            last, last_name = row, name
        if last:
            yield last

    def _name(self, row: int) -> bytes:
        return bytes(self._names[self._ends[row - 1] : self._ends[row]])

    def _is_vain(self, row: int, earlier: int, firsts: array[int], nexts: array[int]) -> bool:
        """True if nothing but whiteouts imply the directory at `row`, in the place of a file.

        umoci writes such: a directory replaced by a file, and whiteouts of all that was in it.
        """
        if self._kinds[earlier] in (RowKind.DIR, RowKind.SYMLINK, RowKind.WRITE_THROUGH):
            return False
        pending = [row]
        while pending:
            directory = pending.pop()
            if self._kinds[directory] != RowKind.DIR or self._positions[directory] != NO_POSITION:
                return False
            child = firsts[directory]
            while child:
                start = self._ends[child - 1]
                if self._names[start : start + len(_WHITEOUT)] != _WHITEOUT:
                    pending.append(child)
                child = nexts[child]
        return True

    def _sibling_chains(self) -> tuple[array[int], array[int]]:
        firsts, nexts = array("I", bytes(4 * len(self._parents))), array("I", bytes(4 * len(self._parents)))
        parents = self._parents
        for row in range(len(parents) - 1, 0, -1):
            parent = parents[row]
            nexts[row] = firsts[parent]
            firsts[parent] = row
        return firsts, nexts

    def _resolve_hard_link(self, row: int, skeleton: Skeleton) -> None:
        """Make `row`, and all hard links on the way, what the last target is."""
        chain: dict[int, None] = {}
        target: int | None = row
        path: Path = ()
        while target is not None and self._kinds[target] == RowKind.HARDLINK and target not in chain:
            chain[target] = None
            path = tuple(clean(self._archive.entries[self._positions[target]].link_name))
            target = self._hard_link_target(path, skeleton, target)
        if target is not None and self._kinds[target] == RowKind.UNRESOLVED:
            path, target = self._unresolved[target], None
        for link in chain:
            if target is None:
                self._kinds[link] = RowKind.UNRESOLVED
                self._unresolved[link] = path
            elif target in chain or self._kinds[target] in (RowKind.DIR, RowKind.REFUSED):
                self._kinds[link] = RowKind.REFUSED
                self._drop("hard link to a directory or in a circle", "/".join(path))
            else:
                self._kinds[link] = self._kinds[target]
                self._positions[link] = self._positions[target]

    def _hard_link_target(self, path: Path, skeleton: Skeleton, link: int) -> int | None:
        """What was at `path` when the archive made the row `link`; what came later where nothing was."""
        if not path:
            return 0
        parent = self._directory(list(path[:-1]), _no_directory)
        if parent is None:
            return None
        replaced = self._replaced.get((parent, encode_name(path[-1])), [])
        found = skeleton.child(parent, path[-1])
        if found is not None and found < link:
            return found
        return max((row for row in replaced if row < link), default=found)


def _chain(first: int, nexts: array[int]) -> Iterator[int]:
    """Rows from `first` on, to the end of its chain."""
    row = first
    while row:
        yield row
        row = nexts[row]


def _no_directory(parent: int, name: str) -> None:
    """None: looking something up makes no directories."""
