"""A blob that may be an archive, with what every format asks about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from crfs_dav.formats.limits import DEFAULT_LIMITS, MIB, Limits
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ByteStore, ReaderAt

TAIL_SIZE = MIB  # bytes; holds footer and TOC of about 20,000 entries


@dataclass(frozen=True, slots=True)
class Candidate:
    """One blob, what its parent says of it, its last bytes (read once for all formats), and what it may cost.

    Decoded chunks of its archive are kept in `chunks`.
    """

    blob: ReaderAt
    descriptor: Descriptor
    chunks: ByteStore
    tail: bytes = field(repr=False)
    limits: Limits = DEFAULT_LIMITS

    def from_tail(self, start: int, end: int) -> tuple[bytes, memoryview]:
        """Blob bytes `[start, end)` in two parts: what a read brings that the tail has not, and what the tail has."""
        tail_start = self.blob.size - len(self.tail)
        before = self.blob.read_at(start, min(end, tail_start) - start) if start < tail_start else b""
        return before, memoryview(self.tail)[max(0, start - tail_start) : max(0, end - tail_start)]


def read_candidate(
    blob: ReaderAt, descriptor: Descriptor, chunks: ByteStore, *, limits: Limits = DEFAULT_LIMITS
) -> Candidate:
    """The candidate that `blob` is; one read. Raises what `blob` raises."""
    tail = blob.read_at(max(0, blob.size - TAIL_SIZE), TAIL_SIZE)
    return Candidate(blob, descriptor, chunks, tail, limits)
