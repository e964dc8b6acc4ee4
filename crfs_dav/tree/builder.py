"""Builds a layer's `Skeleton` in one pass over what its archive lists, in the way of an unpacker.

Later entries replace earlier ones, a directory keeps its children when it is listed again, missing parents are
implied, and what is listed below a symlink is written through it, inside the layer. Time and memory are linear in
the archive, whatever it lists.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, groupby, repeat

from crfs_dav.archive import Archive, Kind, Outline
from crfs_dav.tree.siblings import Siblings
from crfs_dav.tree.skeleton import NO_POSITION, Path, RowKind, Skeleton, clean, encode_name

DEPTH_LIMIT = 200  # components of a path
LINK_LIMIT = 40  # symlinks on one path, as in Linux
TARGET_LIMIT = 4096  # characters of a link's target, as in Linux
IMPLIED_LIMIT = 500_000  # directories that no entry lists; each costs some 250 bytes while building
_HEADS_LIMIT = 4096
_BATCH = 1024  # entries
_NO_NAMES = frozenset({"", ".", ".."})
_REG = bytes([RowKind.REG])

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
        """Take in all entries, and at once the files of a directory that stand side by side."""
        first = 0
        for each in outline:
            self._add_some(first, each.names, each.kinds)
            first += len(each.names)

    def _add_some(self, first: int, names: Sequence[str], kinds: Sequence[Kind]) -> None:
        parts = [name.rpartition("/") for name in names]
        start = 0
        for head, run in groupby(_heads_of_files(names, parts, kinds)):
            end = start + len(list(run))
            bases = [base for _, _, base in parts[start:end]]
            if head is None or not self._add_files(head, bases, first + start):
                for at in range(start, end):
                    self.add(first + at, names[at], kinds[at])
            start = end
        self._store_names()

    def _add_files(self, head: str, bases: Sequence[str], position: int) -> bool:
        """Take in files in `head`, the first from `position` of the archive; False where there is more to it."""
        parent = self._directory_of(head)
        if parent is None or not self._linkable.keys().isdisjoint(zip(repeat(parent), bases)):
            return False
        count = len(bases)
        self._parents.extend(array("I", [parent]) * count)
        self._positions.extend(range(position, position + count))
        self._kinds += _REG * count
        self._depths += bytes([self._depths[parent] + 1]) * count
        self._bases += bases
        return True

    def add(self, position: int, name: str, kind: Kind) -> None:
        """Take in the entry at `position`."""
        path = name.rstrip("/")
        head, _, base = path.rpartition("/")
        if base in _NO_NAMES or "\0" in name:
            components = clean(name)
            if not name or "\0" in name or not (components or kind is Kind.DIR):
                self._drop("no name for it", name)
                return
            if not components:
                self._positions[0] = position
                return
            head, base = "/".join(components[:-1]), components[-1]
        parent = self._directory_of(head)
        if parent is None:
            self._drop("too deep, or below a link that leads nowhere", name)
            return
        row = self._place(parent, base, position, kind)
        if kind is Kind.DIR and self._depths[row] < DEPTH_LIMIT:
            self._remember_head(path, row)

    def _place(self, parent: int, base: str, position: int, kind: Kind) -> int:
        key = (parent, base)
        row_kind = RowKind.REG if kind is Kind.REG else _ROW_KINDS.get(kind, RowKind.OTHER)  # hashing an Enum is slow
        replaced = self._linkable.pop(key, None)
        if replaced is not None:
            if row_kind is RowKind.DIR and self._kinds[replaced] == RowKind.DIR:
                self._linkable[key] = replaced
                self._positions[replaced] = position
                return replaced
            self._forget_heads()
        row = self._append(parent, base, row_kind, position)
        if row_kind is RowKind.DIR or row_kind is RowKind.SYMLINK:
            self._linkable[key] = row
        return row

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

    def _directory_of(self, head: str) -> int | None:
        """Row of the directory that is spelled `head`; None where nothing can be in it."""
        row = self._heads.get(head)
        if row is None:
            components = clean(head)
            row = self._directory(components, self._imply) if len(components) < DEPTH_LIMIT else None
            if row is None or self._depths[row] >= DEPTH_LIMIT:
                return None
            self._remember_head(head, row)
        return row

    def _remember_head(self, head: str, row: int) -> None:
        if len(self._heads) >= _HEADS_LIMIT:
            self._forget_heads()
        self._heads[head] = row

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
        siblings = Siblings(self._names, self._ends, self._parents, self._positions, self._kinds)
        skeleton = Skeleton(
            self._names,
            self._ends,
            self._parents,
            self._positions,
            self._kinds,
            siblings.order,
            siblings.starts,
            siblings.counts,
            siblings.implied,
            self._unresolved,
        )
        for row in skeleton.order if RowKind.HARDLINK in self._kinds else ():
            if self._kinds[row] == RowKind.HARDLINK:
                self._resolve_hard_link(row, skeleton, siblings)
        return skeleton

    def _resolve_hard_link(self, row: int, skeleton: Skeleton, siblings: Siblings) -> None:
        """Make `row`, and all hard links on the way, what the last target is."""
        chain: dict[int, None] = {}
        target: int | None = row
        path: Path = ()
        while target is not None and self._kinds[target] == RowKind.HARDLINK and target not in chain:
            chain[target] = None
            path = tuple(clean(self._archive.entries[self._positions[target]].link_name))
            target = self._hard_link_target(path, skeleton, siblings, target)
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

    def _hard_link_target(self, path: Path, skeleton: Skeleton, siblings: Siblings, link: int) -> int | None:
        """What was at `path` when the archive made the row `link`; what came later where nothing was."""
        if not path:
            return 0
        parent = self._directory(list(path[:-1]), _no_directory)
        if parent is None:
            return None
        replaced = siblings.replaced.get((parent, encode_name(path[-1])), [])
        found = skeleton.child(parent, path[-1])
        if found is not None and found < link:
            return found
        return max((row for row in replaced if row < link), default=found)


def _heads_of_files(
    names: Sequence[str], parts: Sequence[tuple[str, str, str]], kinds: Sequence[Kind]
) -> list[str | None]:
    """What stands before the last slash in the names of files; None for what is none, or whose name is no plain one."""
    reg, no_names = Kind.REG, _NO_NAMES
    return [
        head if kind is reg and base not in no_names and "\0" not in name else None
        for name, (head, _, base), kind in zip(names, parts, kinds, strict=True)
    ]


def _no_directory(parent: int, name: str) -> None:
    """None: looking something up makes no directories."""
