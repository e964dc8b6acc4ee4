"""The entries of columns as a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from crfs_dav.archive import Entry
from crfs_dav.formats.columns import Columns


class EntryList(Sequence[Entry]):
    """The entries of `columns`, made one by one when asked for."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, position: int) -> Entry: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Entry]: ...
    def __getitem__(self, position: int | slice) -> Entry | Sequence[Entry]:
        positions = range(len(self))[position]
        if isinstance(positions, range):
            return [self._columns.entry(each) for each in positions]
        return self._columns.entry(positions)
