"""What is kept of a blob and what is under way, and what to ask for next. Guarded by its owner's lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from crfs_dav.cache.foresight import Foresight
from crfs_dav.cache.ranges import Range, RangeSet, covered, cut, find_gaps, lead, shared_out

HOLE_LIMIT = 64 << 10  # bytes; reading a smaller hole twice is cheaper than one more request
KEEP_LIMIT = 32 << 20  # bytes; a bigger range is handed on and not kept
REQUEST_SIZE = 4 << 20  # bytes of one request ahead of a reader
FLIGHT_SIZE = 512 << 10  # bytes; what a small read takes from the disk, and its check, at most
BLOCK_SIZE = 8 << 20  # bytes that a small read brings at most, where others near it did before
_LEAST_BLOCK = 16 << 10
_BACKWARDS = 1 << 20  # bytes that come before those asked for, and have to be waited for
_LEAST_AHEAD = 1 << 20  # bytes that are worth a request of their own ahead of a reader


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """A range that is being fetched; nobody asked for one that is a guess."""

    span: Range
    is_guess: bool
    result: Future[bytes] = field(default_factory=Future)


Request = Sequence[Flight]  # flights without gaps between them
Source = tuple[Range, Range, Flight | None]  # bytes wanted, the range that has them, who brings it if it is not kept


class Coverage:
    """Ranges of a blob of `size` bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._foresight = Foresight()
        self.flights: list[Flight] = []
        self._kept = RangeSet()
        self._united = RangeSet()  # the same bytes, in as few ranges as may be

    def keep(self, spans: Iterable[Range]) -> None:
        """Know that `spans` are kept."""
        for span in spans:
            self._kept.add(span)
            self._united.unite(span)

    def lose(self, span: Range) -> None:
        """Know that the range `span` is kept no more."""
        self._kept.discard(span)
        self._united = RangeSet()
        for each in self._kept:
            self._united.unite(each)

    def lose_all(self) -> None:
        """Know of nothing that is kept."""
        self._kept, self._united = RangeSet(), RangeSet()

    def sources(self, span: Range) -> list[Source]:
        """Who has or brings which bytes of `span`, in order."""
        flights = {each.span: each for each in self.flights if each.span[0] < span[1] and span[0] < each.span[1]}
        ranges = [*self._kept.over(span), *flights]
        if flights:
            ranges.sort(key=lambda each: (each[0], -each[1]))
        return [(part, known, flights.get(known)) for part, known in covered(ranges, span)]

    def gaps(self, span: Range) -> list[Range]:
        """What of `span` is neither kept nor under way; neighbours with a small hole between them are one."""
        return find_gaps([part for part, _, _ in self.sources(span)], span, hole_limit=HOLE_LIMIT)

    def claim(self, span: Range) -> list[Request]:
        """Requests for all that is missing of `span`."""
        return [self._register(gap, asked_to=span[1]) for gap in self.gaps(span)]

    def claim_widely(self, span: Range) -> tuple[list[Request], list[Request]]:
        """Requests for all that is missing of `span`, and what it pays to have around it; and for what comes next."""
        if span[1] == self._size:  # what is read once, to open the blob
            return self.claim(span), []
        gaps = self.gaps(span)
        foreseen = self._foresight.ask(span, sum(end - start for start, end in gaps))
        missing = [self._register(self._widened(gap), asked_to=span[1]) for gap in gaps]
        ahead = self._next_block(span[1]) if foreseen and not gaps else []
        return missing, [self._register(part, asked_to=part[0]) for part in ahead]

    def claim_ahead(self, span: Range) -> list[Request]:
        """Requests for all that is missing of `span`, for which nobody waits yet."""
        parts = [part for gap in self.gaps(span) for part in shared_out(gap, REQUEST_SIZE)]
        return [self._register(part, asked_to=part[0]) for part in parts]

    def _register(self, span: Range, *, asked_to: int) -> Request:
        """Flights that are to bring `span`, of which the bytes before `asked_to` are asked for."""
        spans = cut(span, FLIGHT_SIZE) if span[1] - span[0] <= KEEP_LIMIT else [span]
        request = [Flight(each, is_guess=each[0] >= asked_to) for each in spans]
        self.flights += request
        return request

    def _widened(self, gap: Range) -> Range:
        """`gap` with what is missing around it, up to the ends of the largest block that there is credit for."""
        low, high = max(self._known_before(gap[0]), gap[0] - _BACKWARDS), self._known_after(gap[1])
        size = BLOCK_SIZE
        while size >= _LEAST_BLOCK:
            start, end = max(low, gap[0] // size * size), min(high, -(-gap[1] // size) * size)
            if (end - start) - (gap[1] - gap[0]) <= self._foresight.credit // 2:
                self._foresight.spend((start, gap[0]), (gap[1], end))
                return start, end
            size //= 2
        return gap

    def _next_block(self, offset: int) -> list[Range]:
        """What is missing of the block ahead of `offset`, where it begins near and is worth a request.

        A quarter of the credit has to do, for what is read elsewhere in the blob needs some too.
        """
        limit = min(offset + BLOCK_SIZE // 2, self._size)
        known = [*self._united.over((offset, limit)), *(each.span for each in self.flights)]
        start, end = lead(sorted(known), offset, limit)
        if start == end:
            return []
        block = start, min(self._known_after(start), (start // BLOCK_SIZE + 1) * BLOCK_SIZE)
        if not _LEAST_AHEAD <= block[1] - block[0] <= self._foresight.credit // 4:
            return []
        self._foresight.spend(block)
        return [block]

    def _known_before(self, offset: int) -> int:
        """Where ends what is known and ends last before `offset`."""
        return max(
            self._united.end_before(offset), *(each.span[1] for each in self.flights if each.span[1] <= offset), 0
        )

    def _known_after(self, offset: int) -> int:
        """Where begins what is known and begins first from `offset` on."""
        starts = (each.span[0] for each in self.flights if each.span[0] >= offset)
        return min(self._united.start_after(offset, self._size), *starts, self._size)
