"""The children of each directory by name, of equal names the one that counts: the last, as for an unpacker."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice, pairwise
from operator import lt

from crfs_dav.tree.skeleton import NO_POSITION, RowKind

_SORTED_AT_ONCE = 1 << 14  # names of one directory
_WHITEOUT = b".wh."
_DIR, _WRITE_THROUGH = int(RowKind.DIR), int(RowKind.WRITE_THROUGH)  # for Python 3.11 looks members up slowly


class Siblings:
    """The columns of a `Skeleton` that say what is in each directory, from those that say where each row is."""

    def __init__(
        self, names: bytearray, ends: array[int], parents: array[int], positions: array[int], kinds: bytearray
    ) -> None:
        self._names = names
        self._ends = ends
        self._positions = positions
        self._kinds = kinds
        self._firsts, self._nexts = _chains(parents)
        self.order = array("I")
        self.starts = array("I", bytes(4 * len(parents)))
        self.counts = array("I", bytes(4 * len(parents)))
        self.implied = array("I")
        self.replaced: dict[tuple[int, bytes], list[int]] = {}  # rows in no directory, of names that came again
        directories = [0]
        while directories:
            directories += self._add(directories.pop())

    def _add(self, directory: int) -> Sequence[int]:
        """Take in the children of one directory; returns those of them that are directories."""
        rows = self._in_order(directory)
        kinds = bytes(map(self._kinds.__getitem__, rows))
        below: Sequence[int] = ()
        if _DIR in kinds:
            below = [row for row, kind in zip(rows, kinds, strict=True) if kind == _DIR]
            self.implied.extend([row for row in below if self._positions[row] == NO_POSITION])
        if _WRITE_THROUGH in kinds:
            rows = [row for row, kind in zip(rows, kinds, strict=True) if kind != _WRITE_THROUGH]
        self.starts[directory], self.counts[directory] = len(self.order), len(rows)
        self.order.extend(rows)
        return below

    def _in_order(self, directory: int) -> Sequence[int]:
        """Rows of the directory's children by name, of equal names one."""
        rows = list(islice(self._children(directory), _SORTED_AT_ONCE))
        if len(rows) < _SORTED_AT_ONCE:
            names = self._names_of(rows)
            if all(map(lt, names, names[1:])):
                return rows
            pairs = sorted(zip(names, rows, strict=True))
            if not any(before[0] == after[0] for before, after in pairwise(pairs)):
                return [row for _, row in pairs]
        return array("I", self._last_of_each_name(directory, self._by_name(self._children(directory))))

    def _children(self, directory: int) -> Iterator[int]:
        """Rows in the directory, as they came."""
        nexts = self._nexts
        row = self._firsts[directory]
        while row:
            yield row
            row = nexts[row]

    def _names_of(self, rows: Sequence[int]) -> list[bytes] | list[bytearray]:
        """Name of each of `rows`, cut out of one piece where they lie side by side."""
        names, ends = self._names, self._ends
        if not rows or rows[-1] - rows[0] != len(rows) - 1:
            return [names[ends[row - 1] : ends[row]] for row in rows]
        bounds = ends[rows[0] - 1 : rows[-1] + 1]
        start = bounds[0]
        block = bytes(names[start : bounds[-1]])
        return [block[before - start : after - start] for before, after in pairwise(bounds)]

    def _name(self, row: int) -> bytes:
        return bytes(self._names[self._ends[row - 1] : self._ends[row]])

    def _by_name(self, rows: Iterable[int]) -> Iterator[int]:
        """`rows` by name, those of equal names as they came; with few names in memory, however many there are."""
        runs = []
        following = iter(rows)
        while run := sorted(islice(following, _SORTED_AT_ONCE), key=self._name):
            runs.append(array("I", run))
        return merge(*runs, key=self._name) if len(runs) > 1 else iter(runs[0] if runs else ())

    def _last_of_each_name(self, directory: int, rows: Iterator[int]) -> Iterator[int]:
        """Of `rows` in order, the last of each name, but for directories in vain; notes which it replaced."""
        last = 0
        last_name = b""
        for row in rows:
            name = self._name(row)
            if last and name == last_name:
                if not self._is_vain(row, last):
                    self.replaced.setdefault((directory, name), []).append(last)
                    last = row
                continue
            if last:
                yield last
            last, last_name = row, name
        if last:
            yield last

    def _is_vain(self, row: int, earlier: int) -> bool:
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
            pending += [child for child in self._children(directory) if not self._is_whiteout(child)]
        return True

    def _is_whiteout(self, row: int) -> bool:
        start = self._ends[row - 1]
        return self._names[start : start + len(_WHITEOUT)] == _WHITEOUT


def _chains(parents: array[int]) -> tuple[array[int], array[int]]:
    """First child and next sibling of each row, 0 for none."""
    firsts, nexts = array("I", bytes(4 * len(parents))), array("I", bytes(4 * len(parents)))
    for row in range(len(parents) - 1, 0, -1):
        parent = parents[row]
        nexts[row] = firsts[parent]
        firsts[parent] = row
    return firsts, nexts
