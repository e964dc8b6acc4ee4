"""Whole copies of blobs, for sources that give all of a blob or nothing: read from its start once, then by offset.

A copy is a file without a name: it is gone with its process, so nothing on disk is believed that this process did not
write and check.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from crfs_dav.errors import Corrupt, NoRoom, Unavailable
from crfs_dav.names import Digest
from crfs_dav.readers import ReaderAt, stream

RunOnce = Callable[[str, Callable[[], object]], object]
"""Runs long work once for all who want it under one key; raises Unavailable where it takes longer than anyone waits."""


@runtime_checkable
class RangeLess(Protocol):
    """A blob that finds out whether its source heeds ranges."""

    ignores_ranges: bool  # True once the source has sent everything where a part was asked for


class Copy:
    """One blob's bytes in a file; for any thread."""

    def __init__(self, directory: Path) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
        weakref.finalize(self, self._file.close)  # whoever still reads from it holds it
        self._lock = threading.Lock()
        self.size = 0

    def fill(self, pieces: Iterable[bytes], digest: Digest) -> None:
        """Write all of the blob; raises Corrupt for another digest, OSError, and what `pieces` raises."""
        found = hashlib.new(digest.algorithm)
        for piece in pieces:
            found.update(piece)
            self._file.write(piece)
            self.size += len(piece)
        self._file.flush()
        if found.hexdigest() != digest.hex:
            raise Corrupt(f"blob: {digest.algorithm}:{found.hexdigest()}; expected {digest}")

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, fewer only at the end; raises Unavailable."""
        try:
            with self._lock:
                self._file.seek(offset)
                return self._file.read(size)
        except OSError as error:
            raise Unavailable(f"copy of a blob: {error.strerror}; expected to read it") from None


@dataclass(frozen=True, slots=True)
class Sent:
    """A blob, and who sends it."""

    blob: ReaderAt
    digest: Digest
    source: str


class Copies:
    """The copies of this process, at most `max_bytes` in all in `directory`; those unread for longest go first."""

    def __init__(self, directory: Path, max_bytes: int, run_once: RunOnce) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._run_once = run_once
        self._lock = threading.Lock()
        self._kept: OrderedDict[Digest, Copy] = OrderedDict()

    def reader(self, blob: ReaderAt, digest: Digest, source: str = "") -> ReaderAt:
        """`blob`, read by way of a copy once `source`, which sends it, turns out to ignore ranges."""
        return _CopiedReader(Sent(blob, digest, source), self) if blob.size <= self._max_bytes else blob

    def find(self, digest: Digest) -> Copy | None:
        """The copy of a blob."""
        with self._lock:
            copy = self._kept.get(digest)
            if copy is not None:
                self._kept.move_to_end(digest)
            return copy

    def make(self, sent: Sent) -> Copy:
        """A copy of a blob, made once for all who want it of this source; raises as the blob, NoRoom, Unavailable."""
        subject = f"{sent.digest}/copy {sent.source}"
        copy = self._run_once(subject, lambda: self.find(sent.digest) or self._make(sent.blob, sent.digest))
        assert isinstance(copy, Copy)
        return copy

    def _make(self, blob: ReaderAt, digest: Digest) -> Copy:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy = Copy(self._directory)
            copy.fill(stream(blob), digest)
        except OSError as error:
            raise NoRoom(f"copy of a blob: {error.strerror}; expected room on the disk") from None
        with self._lock:
            self._kept[digest] = copy
            while sum(each.size for each in self._kept.values()) > self._max_bytes and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return copy


class _CopiedReader:
    """A blob that is read from its source while that heeds ranges, else from a copy."""

    def __init__(self, sent: Sent, copies: Copies) -> None:
        self._sent = sent
        self._copies = copies

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return self._sent.blob.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, fewer only at the end; raises what the blob raises."""
        return (self._copy() or self._sent.blob).read_at(offset, size)

    def stream(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Bytes `[offset, offset+size)` in pieces; raises what the blob raises."""
        is_whole = offset == 0 and size in (None, self.size)  # no copy is needed for what any source gives
        copy = self._copies.find(self._sent.digest) if is_whole else self._copy()
        yield from stream(self._sent.blob if copy is None else copy, offset, size)

    def _copy(self) -> Copy | None:
        """The copy, where there is one, or has to be one and finds room."""
        copy = self._copies.find(self._sent.digest)
        if copy is None and isinstance(self._sent.blob, RangeLess) and self._sent.blob.ignores_ranges:
            try:
                copy = self._copies.make(self._sent)
            except NoRoom:
                return None
        return copy
