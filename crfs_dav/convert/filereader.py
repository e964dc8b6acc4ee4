"""An open file as a `ReaderAt`."""

from __future__ import annotations

from typing import BinaryIO


class FileReader:
    """The first `size` bytes of a file; for one thread, which may read the file itself in between."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, fewer only at the end."""
        self._file.seek(offset)
        return self._file.read(max(0, min(size, self.size - offset)))
