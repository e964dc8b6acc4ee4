"""The shape of a layer's tree as columns: some 30 bytes a row and its name, and no Python object per row.

A row is something with a name in a directory; row 0 is the root. Rows stand in the order in which the archive
mentions them, so a parent always comes before its children. Rows that something later replaced stay in the columns
but in no directory. Columns may lie in a mapped file. Immutable, for any thread.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

Path = tuple[str, ...]
Column: TypeAlias = "array[int] | memoryview"

NO_POSITION = -1  # of a row that the archive does not list


class RowKind(IntEnum):
    """As much of an entry's kind as the tree's shape depends on."""

    REG = 0
    DIR = 1
    SYMLINK = 2
    HARDLINK = 3  # only while building: then its row has become what its target is
    OTHER = 4
    REFUSED = 5  # hard link to a directory, to itself, or in a circle
    UNRESOLVED = 6  # hard link whose target is not in this layer
    WRITE_THROUGH = 7  # symlink of a lower layer that this layer's entries go through


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """Columns by row; children of a directory are `order[starts[row] : starts[row] + counts[row]]`, by name."""

    names: bytearray | memoryview  # of all rows, one after the other
    ends: Column  # where a row's name ends; it begins where the row before ends
    parents: Column
    positions: Column  # in the archive's entries
    kinds: bytearray | memoryview
    order: Column
    starts: Column
    counts: Column
    implied: Column  # rows of directories in the tree that the archive does not list
    unresolved: Mapping[int, Path]  # target of each UNRESOLVED row

    def children(self, directory: int) -> Iterator[tuple[str, int]]:
        """Name and row of each child, by name."""
        names, ends = self.names, self.ends
        for row in self._child_rows(directory):
            yield str(names[ends[row - 1] : ends[row]], "utf-8", "surrogatepass"), row

    def child(self, directory: int, name: str) -> int | None:
        """Row of the child called `name`, by bisection: some microseconds even among a million."""
        wanted = encode_name(name)
        rows = self._child_rows(directory)
        index = bisect_left(rows, wanted, key=self._name)
        if index < len(rows) and self._name(rows[index]) == wanted:
            return rows[index]
        return None

    def path(self, row: int) -> Path:
        """Names from the root down to `row`."""
        names = []
        while row:
            names.append(decode_name(self._name(row)))
            row = self.parents[row]
        return tuple(reversed(names))

    def _child_rows(self, directory: int) -> memoryview:
        start = self.starts[directory]
        return memoryview(self.order)[start : start + self.counts[directory]]

    def _name(self, row: int) -> bytes:
        return bytes(self.names[self.ends[row - 1] : self.ends[row]])


def encode_name(name: str) -> bytes:
    """A name as bytes, one for one: `surrogateescape` would make one of two names that differ."""
    return name.encode("utf-8", "surrogatepass")


def decode_name(data: bytes) -> str:
    """The name that `encode_name` made `data` of."""
    return data.decode("utf-8", "surrogatepass")


def clean(name: str) -> list[str]:
    """Components of `name` like Go's `path.Clean("/" + name)`: never empty, `.` or `..`, which stops at the root."""
    components: list[str] = []
    for component in name.split("/"):
        if component == "..":
            del components[-1:]
        elif component not in ("", "."):
            components.append(component)
    return components
