"""Local copies of content that can be had only from its start on, cut into frames that can be had one by one.

    spool file = zstd frame of 1 MiB of content | zstd frame of 1 MiB of content ...

Level 1: 76 MB/s of compressed input, and a third of the content's size. The file stays, for this process, for others
and after a restart. Nothing in it is believed: where its frames begin, and their digests, are kept with the layer's
entries, and its name says which frames these are.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from crfs_dav.errors import Corrupt, NoRoom, Unavailable
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.limits import MIB
from crfs_dav.names import Digest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FRAME_SIZE = MIB  # bytes of content
_RETRY_SECONDS = 5.0
_OPEN = 32  # files


class SpoolFiles(Protocol):
    """Where spools are kept; any may vanish at any time, and stays readable for those who have it open."""

    max_bytes: int  # of all of them

    def open(self, key: str) -> BinaryIO | None:
        """The file kept under `key`, unchecked, to be read, or None."""
        ...

    def is_kept(self, key: str, file: BinaryIO) -> bool:
        """Whether `file`, which was opened or moved there, has not been removed; it counts as used just now."""
        ...

    def draft(self, key: str) -> Path | None:
        """Where to write what `move` is then to keep under `key`; None where there is no place."""
        ...

    def make_room(self, size: int) -> bool:
        """Remove what is too much once a draft has grown by `size` bytes; False where it must not grow."""
        ...

    def move(self, key: str, draft: Path) -> None:
        """Have the file at `draft` under `key`; raises OSError."""
        ...

    def discard(self, key: str) -> None:
        """Forget `key`, if it is known."""
        ...


class Spool:
    """The frames of one content in a file: a `ReaderAt`. What it gives is for its reader to verify."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = os.fstat(file.fileno()).st_size
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)  # whoever still reads from it holds it

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, of frames that should be there; raises Corrupt where the file ends before."""
        try:
            with self._lock:
                self.file.seek(offset)
                data = self.file.read(size)
        except OSError as error:
            raise Corrupt(f"spool: {error.strerror}; expected to read it") from None
        if len(data) != size:
            raise Corrupt(f"spool: {len(data)} bytes at {offset}; expected {size}")
        return data


class SpoolWriter:
    """One content, written once from its start to its end by one thread."""

    def __init__(self, layer: Digest, files: SpoolFiles) -> None:
        draft = files.draft(f"{layer}/frames")
        if draft is None:
            raise NoRoom("spool: no folder for it; expected one that can be written")
        self._path = draft
        self._file: BinaryIO = open(draft, "x+b", opener=partial(os.open, mode=0o600))  # noqa: SIM115
        self._layer = layer
        self._files = files
        self._pending = bytearray()
        self._written = 0  # bytes of content
        self._size = 0
        self.frames: list[Chunk] = []

    def write(self, data: bytes) -> None:
        """Append content; raises OSError, and NoRoom and Unavailable beyond the bytes that are allowed."""
        self._pending += data
        while len(self._pending) >= FRAME_SIZE:
            self._write_frame(bytes(self._pending[:FRAME_SIZE]))
            del self._pending[:FRAME_SIZE]

    def finish(self) -> Spool:
        """The spool, in its place, with what is left written; raises as `write`."""
        if self._pending:
            self._write_frame(bytes(self._pending))
        self._pending = bytearray()
        self._file.flush()
        self._files.move(spool_key(self._layer, self.frames), self._path)
        return Spool(self._file)

    def drop(self) -> None:
        """Let go of all that was written."""
        self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write_frame(self, content: bytes) -> None:
        frame, limit = zstd.compress(content, 1), self._files.max_bytes
        if self._size + len(frame) > limit:
            raise NoRoom(f"spool: more than {limit} bytes; expected fewer, or more of them in spool_bytes")
        if not self._files.make_room(len(frame)):
            text = f"spool: others fill the {limit} bytes of spool_bytes; expected room"
            raise Unavailable(text, retry_after_seconds=_RETRY_SECONDS)
        self._file.write(frame)
        digest = Digest("sha256", hashlib.sha256(content).hexdigest())
        end = self._size + len(frame)
        self.frames.append(Chunk(self._written, len(content), self._size, end, digests=(digest,)))
        self._size = end
        self._written += len(content)


class Spools:
    """The spools that this process reads from. For any thread."""

    def __init__(self, files: SpoolFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Spool] = OrderedDict()

    def create(self, layer: Digest) -> SpoolWriter:
        """An empty spool; raises OSError, NoRoom."""
        return SpoolWriter(layer, self._files)

    def keep(self, key: str, spool: Spool) -> None:
        """Have `spool`, which lies under `key`, at hand; those that were removed take no more of the disk."""
        with self._lock:
            for old in [each for each, held in self._open.items() if os.fstat(held.file.fileno()).st_nlink == 0]:
                del self._open[old]
            self._open[key] = spool
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)

    def find(self, key: str) -> Spool | None:
        """The spool that lies under `key`; None where there is none, or none any more."""
        with self._lock:
            spool = self._open.get(key)
        if spool is not None and self._files.is_kept(key, spool.file):
            return spool
        file = self._files.open(key)
        with self._lock:
            self._open.pop(key, None)
        if file is None:
            return None
        spool = Spool(file)
        self.keep(key, spool)
        return spool

    def discard(self, key: str, spool: Spool) -> None:
        """Let go of a spool that is broken, unless somebody did so before."""
        with self._lock:
            is_ours = self._open.get(key) is spool
            if is_ours:
                del self._open[key]
        if is_ours:
            self._files.discard(key)


def spool_key(layer: Digest, frames: Sequence[Chunk]) -> str:
    """What a spool with these frames is kept under: of the same content, other versions of zstd make other frames."""
    said = hashlib.sha256()
    for frame in frames:
        said.update(f"{frame.start} {frame.digests[0].hex}\n".encode())
    return f"{layer}/frames-{said.hexdigest()[:32]}"
