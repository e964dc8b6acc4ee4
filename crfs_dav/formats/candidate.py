"""A blob that may be an archive, with what every format asks about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from crfs_dav.formats.columnstore import ColumnStore, NoFiles
from crfs_dav.formats.limits import DEFAULT_LIMITS, MIB, Limits
from crfs_dav.formats.spool import Spools
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ByteStore, ReaderAt
from crfs_dav.sparethreads import SpareThreads

HEAD_SIZE = 512  # bytes; hold a tar header
TAIL_SIZE = MIB  # bytes at most; hold footer and TOC of about 20,000 entries
_LEAST_TAIL = 128 << 10
_TAIL_FRACTION = 256  # of the blob: a Debian's TOC takes 1/300 of it

NOT_KEPT = ColumnStore(NoFiles())


@dataclass(frozen=True, slots=True)
class Means:
    """What opening and reading archives may use and cost.

    Decoded chunks are kept in `chunks`, what a TOC says in `columns`. Without `spools`, nothing that needs a spool is
    opened; without `ahead`, nothing is unpacked before somebody asks for it.
    """

    chunks: ByteStore
    spools: Spools | None = None
    limits: Limits = DEFAULT_LIMITS
    columns: ColumnStore = NOT_KEPT
    ahead: SpareThreads | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One blob, what its parent says of it, and its last bytes, read once for all formats."""

    blob: ReaderAt
    descriptor: Descriptor
    tail: bytes = field(repr=False)
    means: Means

    @property
    def limits(self) -> Limits:
        """What it may cost."""
        return self.means.limits

    @property
    def head(self) -> bytes:
        """Its first 512 bytes, fewer of a smaller blob; out of the tail where that has them."""
        return self.tail[:HEAD_SIZE] if len(self.tail) == self.blob.size else self.blob.read_at(0, HEAD_SIZE)

    def from_tail(self, start: int, end: int) -> tuple[bytes, memoryview]:
        """Blob bytes `[start, end)` in two parts: what a read brings that the tail has not, and what the tail has."""
        tail_start = self.blob.size - len(self.tail)
        before = self.blob.read_at(start, min(end, tail_start) - start) if start < tail_start else b""
        return before, memoryview(self.tail)[max(0, start - tail_start) : max(0, end - tail_start)]


def read_candidate(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Candidate:
    """The candidate that `blob` is; one read. Raises what `blob` raises."""
    size = min(max(_LEAST_TAIL, blob.size // _TAIL_FRACTION), TAIL_SIZE)
    tail = blob.read_at(max(0, blob.size - size), size)
    return Candidate(blob, descriptor, tail, means)
