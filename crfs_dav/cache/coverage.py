"""What is kept of a blob and what is under way, and what to ask for next. Guarded by its owner's lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from crfs_dav.cache.foresight import LEAP, WINDOW, Foresight
from crfs_dav.cache.ranges import Range, RangeSet, covered, cut, find_gaps, lead, shared_out

HOLE_LIMIT = 64 << 10  # bytes; reading a smaller hole twice is cheaper than one more request
KEEP_LIMIT = 32 << 20  # bytes; a bigger range is handed on and not kept
REQUEST_SIZE = 4 << 20  # bytes of one request ahead of a reader
FLIGHT_SIZE = 512 << 10  # bytes; what a small read takes from the disk, and its check, at most
_LEAST_AHEAD = 256 << 10  # bytes that are worth a request of their own ahead of a reader


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

    def claim(self, span: Range, *, widely: bool) -> tuple[list[Request], list[Request]]:
        """Requests for all that is missing of `span`; and for what else it pays to have, if that may be fetched."""
        gaps, ahead = self.gaps(span), (span[1], span[1])
        if widely and span[1] < self._size:  # at the end is what is read once, to open the blob
            gaps, ahead = self._widened(span, gaps)
        missing = [self._register(gap, asked_to=span[1]) for gap in gaps]
        return missing, [self._register(part, asked_to=part[0]) for part in shared_out(ahead, REQUEST_SIZE)]

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

    def _widened(self, span: Range, gaps: list[Range]) -> tuple[list[Range], Range]:
        """The `gaps` in `span`, with what of its surroundings pays to come with them; and what to guess besides."""
        guess = self._guess(span, sum(end - start for start, end in gaps))
        if not gaps:
            return gaps, guess
        if gaps[0][0] == span[0]:
            gaps[0] = self._trail(span[0]), gaps[0][1]
        start, end = gaps[-1]
        if end == guess[0]:
            gaps[-1] = start, max(end, min(guess[1], start + REQUEST_SIZE))
            guess = gaps[-1][1], guess[1]
        return gaps, guess

    def _guess(self, span: Range, missed: int) -> Range:
        """What to fetch after `span` before anybody asks for it; nothing while half of the way ahead is at hand."""
        window = self._foresight.window(span, missed)
        start, following = self._lead(span[1])
        reach = min(span[1] + window, start + self._foresight.credit, following)
        is_far = 2 * (start - span[1]) >= window
        is_small = reach - start < _LEAST_AHEAD and not (missed and start == span[1])
        if is_far or is_small:
            return span[1], span[1]
        return self._foresight.spend((start, reach))

    def _lead(self, start: int) -> Range:
        """The first gap from `start` on, in the way ahead that is worth looking at."""
        limit = min(start + WINDOW, self._size)
        known = [*self._united.over((start, limit)), *(each.span for each in self.flights)]
        return lead(sorted(known), start, limit)

    def _trail(self, start: int) -> int:
        """Where to begin instead of at `start`: where a hole begins that is small enough to be filled now."""
        ends = (each.span[1] for each in self.flights if each.span[1] <= start)
        before = max(self._united.end_before(start), *ends, 0)
        fits = 0 < start - before <= LEAP and self._foresight.spend_all((before, start))
        return before if fits else start
