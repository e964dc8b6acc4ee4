"""Columns under way to a file: on disk but for their last values, so that millions of entries take no memory."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_PIECE = 64 << 10  # bytes of a column that are written at once


class _Place(NamedTuple):
    offset: int
    size: int


class Spill:
    """A file without a name, for one thread, gone once closed. Raises OSError where it cannot be made."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # open as long as this lives
        self._size = 0

    def __enter__(self) -> Spill:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def column(self, kind: str) -> SpilledColumn:
        """An empty column of struct's letter `kind`."""
        return SpilledColumn(kind, self)

    def write(self, data: bytes) -> _Place | bytes:
        """Where `data` lies now; `data` itself where the disk does not take it."""
        try:
            self._file.seek(self._size)
            written = self._file.write(data)
        except OSError:
            return data
        if written < len(data):
            return data
        self._size += written
        return _Place(self._size - written, written)

    def read(self, place: _Place) -> bytes:
        """What lies there; raises OSError."""
        self._file.seek(place.offset)
        data = self._file.read(place.size)
        if len(data) < place.size:
            raise OSError(f"spill: {len(data)} bytes; expected {place.size}")
        return data


class SpilledColumn:
    """As much of an `array` as building takes; what is in it is given out in pieces."""

    def __init__(self, kind: str, spill: Spill) -> None:
        self._spill = spill
        self._last = array(kind)
        self._before: list[_Place | bytes] = []
        self._count_before = 0

    def __len__(self) -> int:
        return self._count_before + len(self._last)

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return len(self) * self._last.itemsize

    def append(self, value: int) -> None:
        """Add one value."""
        self._last.append(value)
        self._spill_over()

    def extend(self, values: Iterable[int]) -> None:
        """Add values."""
        self._last.extend(values)
        self._spill_over()

    def frombytes(self, data: bytes) -> None:
        """Add the values that `data` holds."""
        self._last.frombytes(data)
        self._spill_over()

    def pieces(self) -> Iterator[bytes]:
        """All values as bytes; raises OSError."""
        for piece in self._before:
            yield piece if isinstance(piece, bytes) else self._spill.read(piece)
        yield self._last.tobytes()

    def _spill_over(self) -> None:
        if len(self._last) * self._last.itemsize >= _PIECE:
            self._before.append(self._spill.write(self._last.tobytes()))
            self._count_before += len(self._last)
            del self._last[:]
