"""A blob that may be an archive, with what every format asks about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from crfs_dav.formats.columnstore import ColumnStore, NoFiles
from crfs_dav.formats.limits import DEFAULT_LIMITS, MIB, Limits
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.names import Digest
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ByteStore, ReaderAt, stream
from crfs_dav.sparethreads import SpareThreads

HEAD_SIZE = 512  # bytes; hold a tar header
TAIL_SIZE = MIB  # bytes; a smaller blob is read whole, and no more of a larger one
_LEAST_TAIL = 256 << 10  # bytes; hold footer and TOC of about 5,000 entries
_TAIL_FRACTION = 256  # of the blob: a Debian's TOC takes 1/300 of it
_SMALL_BLOB = 8 * MIB  # may be small files only, whose TOC takes a third of it


def _no_toc(layer: Digest) -> None:
    """None: there is no other place."""


NOT_KEPT = ColumnStore(NoFiles())


@dataclass(frozen=True, slots=True)
class Means:
    """What opening and reading archives may use and cost.

    Decoded chunks are kept in `chunks`, what a TOC says in `columns`. Without `passes`, nothing that
    has to be read through is opened, and without `spools` nothing that needs a spool besides; without `ahead`, nothing
    is unpacked before somebody asks for it. `source` is who sends the blobs: what cannot be verified is shared with
    nobody who has another one.
    """

    chunks: ByteStore
    spools: Spools | None = None
    limits: Limits = DEFAULT_LIMITS
    columns: ColumnStore = NOT_KEPT
    passes: Passes | None = None
    ahead: SpareThreads | None = None
    source: str = ""
    find_toc: Callable[[Digest], bytes | None] = _no_toc  # of a layer whose TOC lies elsewhere, packed


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

    def pieces(self) -> Iterator[bytes]:
        """All of the blob in order, out of the tail where that has it; raises what the blob raises."""
        if len(self.tail) == self.blob.size:
            yield self.tail
        else:
            yield from stream(self.blob)

    def from_tail(self, start: int, end: int) -> tuple[bytes, memoryview]:
        """Blob bytes `[start, end)` in two parts: what a read brings that the tail has not, and what the tail has."""
        tail_start = self.blob.size - len(self.tail)
        before = self.blob.read_at(start, min(end, tail_start) - start) if start < tail_start else b""
        return before, memoryview(self.tail)[max(0, start - tail_start) : max(0, end - tail_start)]


def read_candidate(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Candidate:
    """The candidate that `blob` is; one read. Raises what `blob` raises."""
    size = tail_size(blob.size)
    return Candidate(blob, descriptor, blob.read_at(blob.size - size, size), means)


def tail_size(blob_size: int) -> int:
    """Bytes at the end of a blob that are worth one read: more than a TOC takes as a rule, at most 1 MiB."""
    if blob_size <= _SMALL_BLOB:
        return min(blob_size, TAIL_SIZE)
    return min(max(_LEAST_TAIL, blob_size // _TAIL_FRACTION), TAIL_SIZE)
