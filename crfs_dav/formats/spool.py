"""Local copies of content that can be had only from its start on, cut into frames that can be had one by one.

    spool file = zstd frame of 1 MiB of content | zstd frame of 1 MiB of content ...

Level 1: 76 MB/s of compressed input, and a third of the content's size. The file has no name: it is gone with its
process, whatever becomes of that; so nothing on disk is ever believed that this process did not write and hash.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from crfs_dav.errors import NoRoom, Unavailable
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.limits import MIB
from crfs_dav.names import Digest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FRAME_SIZE = MIB  # bytes of content
_AGE_SECONDS = 3600.0  # after which a spool that nobody read makes room


class Spool:
    """One content, written once from its start to its end by one thread, then read by any: a `ReaderAt` of frames."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file: BinaryIO = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
        weakref.finalize(self, self._file.close)  # whoever still reads from it holds it
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._written = 0  # bytes of content
        self.size = 0
        self.chunks: list[Chunk] = []

    def write(self, data: bytes) -> None:
        """Append content; raises OSError, and NoRoom beyond the bytes that are allowed."""
        self._pending += data
        while len(self._pending) >= FRAME_SIZE:
            self._write_frame(bytes(self._pending[:FRAME_SIZE]))
            del self._pending[:FRAME_SIZE]

    def finish(self) -> None:
        """Write what is left; raises as `write`."""
        if self._pending:
            self._write_frame(bytes(self._pending))
        self._pending = bytearray()
        self._file.flush()

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)` of the frames, fewer only at the end; raises Unavailable."""
        try:
            with self._lock:
                self._file.seek(offset)
                return self._file.read(min(size, self.size - offset)) if size > 0 else b""
        except OSError as error:
            raise Unavailable(f"spool: {error.strerror}; expected to read it") from None

    def _write_frame(self, content: bytes) -> None:
        frame = zstd.compress(content, 1)
        if self.size + len(frame) > self._max_bytes:
            raise NoRoom(f"spool: more than {self._max_bytes} bytes; expected fewer, or more of them in spool_bytes")
        self._file.write(frame)
        digest = Digest("sha256", hashlib.sha256(content).hexdigest())
        self.chunks.append(
            Chunk(self._written, len(content), self.size, self.size + len(frame), digests=(digest,)),
        )
        self.size += len(frame)
        self._written += len(content)


class Spools:
    """The spools of this process: at most `max_bytes` in all in `directory`, those unread for long go first.

    For any thread.
    """

    def __init__(
        self,
        directory: Path,
        max_bytes: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Spool, float]] = OrderedDict()

    def create(self) -> Spool:
        """An empty spool; raises OSError."""
        with suppress(OSError):
            self._directory.chmod(0o700)
        return Spool(self._directory, self._max_bytes)

    def keep(self, key: str, spool: Spool) -> None:
        """Have `spool` at hand under `key`, and let go of others where room or age says so."""
        now = self._clock()
        with self._lock:
            self._kept[key] = (spool, now)
            self._kept.move_to_end(key)
            total = sum(each.size for each, _ in self._kept.values())
            while len(self._kept) > 1:
                oldest, (old, used) = next(iter(self._kept.items()))
                if total <= self._max_bytes and now - used < _AGE_SECONDS:
                    break
                total -= old.size
                del self._kept[oldest]

    def find(self, key: str) -> Spool | None:
        """The spool kept under `key`."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept[key] = (found[0], self._clock())
            self._kept.move_to_end(key)
            return found[0]
