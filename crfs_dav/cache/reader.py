"""A blob with memory: ranges read once are kept in a `ByteStore` and put together again. For any thread."""

from __future__ import annotations

import re
import time
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf

from crfs_dav.errors import Corrupt
from crfs_dav.flight import SingleFlight
from crfs_dav.names import Digest
from crfs_dav.readers import ByteStore, ReaderAt, forget, stream

Range = tuple[int, int]  # start and end, half open, in bytes of the blob

HOLE_LIMIT = 64 << 10  # bytes; reading a smaller hole twice is cheaper than one more request
KEEP_LIMIT = 32 << 20  # bytes; a bigger range is handed on and not kept

_LISTING_SECONDS = 2.0  # for which a listing is believed: it reads a folder of the disk, with a file for each range
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


class CachedReader:
    """A `ReaderAt` that fetches exactly the bytes asked for which no kept range has.

    Ranges are kept under `<digest>/<start>-<end>`, so that processes which share a store share them too. What another
    process keeps under just the range asked for is found at once, what can be put together from its ranges after
    two seconds at most; `clock` gives monotonic seconds.
    """

    def __init__(
        self, blob: ReaderAt, digest: Digest, store: ByteStore, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._blob = blob
        self._digest = str(digest)
        self._store = store
        self._flights: SingleFlight[Range, bytes] = SingleFlight()
        self._clock = clock
        self._ranges: Sequence[Range] = ()  # as last listed, and those kept since; replaced, never changed
        self._listed_at = -inf

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return self._blob.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)` of the blob, fewer only at its end; raises what the blob raises."""
        end = min(offset + size, self.size)
        if offset >= end:
            return b""
        whole = self._kept((offset, end))
        if whole is not None:
            return whole
        cover = cover_range(self._ranges, (offset, end))
        if sum(stop - start for start, stop, _ in cover) < end - offset and self._is_stale():
            self._listed_at, self._ranges = self._clock(), self._listed_ranges()
            cover = cover_range(self._ranges, (offset, end))
        return self._put_together((offset, end), self._pieces(cover))

    def stream(self) -> Iterator[bytes]:
        """All bytes in order, in pieces; they are not kept: who wants all of a blob once wants them no second time."""
        whole = self._kept((0, self.size))
        if whole is not None:
            yield whole
            return
        yield from stream(self._blob)

    def forget(self, offset: int, size: int) -> None:
        """Discard every kept range that has a byte of `[offset, offset+size)`, here and below."""
        self._ranges, self._listed_at = (), -inf
        for start, end in self._listed_ranges():
            if start < offset + size and offset < end:
                self._store.discard(self._key((start, end)))
        forget(self._blob, offset, size)

    def _is_stale(self) -> bool:
        return self._clock() - self._listed_at >= _LISTING_SECONDS

    def _key(self, span: Range) -> str:
        return f"{self._digest}/{span[0]}-{span[1]}"

    def _kept(self, span: Range) -> bytes | None:
        data = self._store.get(self._key(span))
        return data if data is not None and len(data) == span[1] - span[0] else None

    def _listed_ranges(self) -> Sequence[Range]:
        names = (key.partition("/")[2] for key in self._store.keys(self._digest))
        ranges = ((int(match[1]), int(match[2])) for match in map(_RANGE.fullmatch, names) if match)
        return sorted(((start, end) for start, end in ranges if start < end <= self.size), key=_longest_first)

    def _remember(self, span: Range) -> None:
        """Add `span` to the ranges known; of two threads that do so at once one may lose, until the next listing."""
        ranges = self._ranges
        place = bisect(ranges, _longest_first(span), key=_longest_first)
        self._ranges = [*ranges[:place], span, *ranges[place:]]

    def _pieces(self, cover: Iterable[tuple[int, int, Range]]) -> list[tuple[int, bytes]]:
        """Offset and bytes of what is really kept of `cover`: anything may have vanished by now."""
        pieces = []
        for start, end, kept_range in cover:
            data = self._kept(kept_range)
            if data is None:
                self._ranges, self._listed_at = (), -inf
            else:
                pieces.append((start, data[start - kept_range[0] : end - kept_range[0]]))
        return pieces

    def _put_together(self, span: Range, pieces: list[tuple[int, bytes]]) -> bytes:
        gaps = find_gaps([(start, start + len(data)) for start, data in pieces], span)
        inside = [
            (start, data)
            for start, data in pieces
            if not any(gap_start <= start < gap_end for gap_start, gap_end in gaps)
        ]
        fetched = [(gap[0], self._fetch(gap)) for gap in gaps]
        return b"".join(data for _, data in sorted(inside + fetched))

    def _fetch(self, span: Range) -> bytes:
        return self._flights.run(span, lambda: self._load(span))

    def _load(self, span: Range) -> bytes:
        data = self._kept(span)  # by a flight that landed since we looked
        if data is None:
            size = span[1] - span[0]
            data = self._blob.read_at(span[0], size)
            if len(data) != size:
                raise Corrupt(f"blob {self._digest}: {len(data)} bytes at {span[0]}; expected {size}")
            if size <= KEEP_LIMIT:
                self._store.put(self._key(span), data)
                self._remember(span)
        return data


def _longest_first(span: Range) -> Range:
    """Order by start; of ranges that begin together, the longest first."""
    return span[0], -span[1]


def cover_range(ranges: Iterable[Range], span: Range) -> list[tuple[int, int, Range]]:
    """Pieces of `span` that the sorted `ranges` have, in order, without overlap: start, end, the range it lies in."""
    cover: list[tuple[int, int, Range]] = []
    covered = span[0]
    for kept in ranges:
        start, end = max(covered, kept[0]), min(kept[1], span[1])
        if start < end:
            cover.append((start, end, kept))
            covered = end
    return cover


def find_gaps(pieces: Iterable[Range], span: Range) -> list[Range]:
    """What the sorted `pieces` leave of `span`; neighbouring gaps with a small hole between them are one."""
    gaps: list[Range] = []
    start = span[0]
    for piece in [*pieces, (span[1], span[1])]:
        if piece[0] > start:
            if gaps and start - gaps[-1][1] <= HOLE_LIMIT:
                gaps[-1] = (gaps[-1][0], piece[0])
            else:
                gaps.append((start, piece[0]))
        start = piece[1]
    return gaps
