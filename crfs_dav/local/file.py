"""One regular file on the server's disk, open: bytes by offset, for any thread."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import NamedTuple, Self

from crfs_dav.errors import Unavailable


class Identity(NamedTuple):
    """Which file it is, and in which state: another content has another identity."""

    device: int
    inode: int
    size: int  # bytes
    mtime_ns: int


class LocalFile:
    """A `ReaderAt` over an open file; closed when nobody has it any more, or at the end of a `with` block.

    What is read is what was opened: a file that changes in place is refused from then on.
    """

    def __init__(self, name: str, descriptor: int) -> None:
        self._name = name
        self._descriptor = descriptor
        self._opened = os.fstat(descriptor)
        self._lock = threading.Lock()
        self._close = weakref.finalize(self, os.close, descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    @property
    def size(self) -> int:
        """Bytes, as they were when it was opened."""
        return self._opened.st_size

    @property
    def identity(self) -> Identity:
        """Which file it is, and in which state it was opened."""
        opened = self._opened
        return Identity(opened.st_dev, opened.st_ino, opened.st_size, opened.st_mtime_ns)

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, fewer only at the end; raises Unavailable where the file has changed."""
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        try:
            content = self._read(offset, size)
            now = os.fstat(self._descriptor)
        except OSError as error:
            raise Unavailable(f"local {self._name!r}: {error.strerror}; expected to read it") from None
        if len(content) < size or (now.st_size, now.st_mtime_ns) != (self.size, self._opened.st_mtime_ns):
            raise Unavailable(f"local {self._name!r}: changed while it was read; expected it to stay as it was")
        return content

    def _read(self, offset: int, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            part = self._read_part(offset + len(content), size - len(content))
            if not part:
                break
            content += part
        return bytes(content)

    def _read_part(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, offset)
        with self._lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, size)
