"""A blob with memory: ranges read once are kept in a `ByteStore` and put together again. For any thread."""

from __future__ import annotations

import re
import threading
import time
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from operator import itemgetter

from crfs_dav.cache.foresight import LEAP, Foresight, Range
from crfs_dav.errors import Corrupt, Unavailable
from crfs_dav.names import Digest
from crfs_dav.readers import ByteStore, ReaderAt, forget
from crfs_dav.sparethreads import SpareThreads

HOLE_LIMIT = 64 << 10  # bytes; reading a smaller hole twice is cheaper than one more request
KEEP_LIMIT = 32 << 20  # bytes; a bigger range is handed on and not kept
PIECE = 4 << 20  # bytes of one request that reads ahead

_LISTING_SECONDS = 2.0  # for which a listing is believed: it reads a folder of the disk, with a file for each range
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_LEAST_GUESS = 256 << 10  # bytes of a request of its own that reads ahead
_LOOK_AT = 64  # ranges from the start of a read on; one with more of them in it is fetched in part
_ROUNDS = 4  # in which kept ranges may vanish while they are put together


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """A range that is being fetched, by whoever registered it."""

    span: Range
    result: Future[bytes] = field(default_factory=Future)


class CachedReader:
    """A `ReaderAt` that fetches exactly the bytes asked for which no kept range has; with `ahead`, also what is next.

    Ranges are kept under `<digest>/<start>-<end>`, so that processes which share a store share them too. What another
    process keeps under just the range asked for is found at once, what can be put together from its ranges after
    two seconds at most; `clock` gives monotonic seconds. A range that somebody fetches already is waited for.
    """

    def __init__(
        self,
        blob: ReaderAt,
        digest: Digest,
        store: ByteStore,
        *,
        ahead: SpareThreads | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._blob = blob
        self._digest = str(digest)
        self._store = store
        self._ahead = ahead
        self._clock = clock
        self._lock = threading.Lock()  # over all that follows
        self._foresight = Foresight()
        self._flights: list[_Flight] = []
        self._ranges: Sequence[Range] = ()  # as last listed, and those kept since; replaced, never changed
        self._listed_at = -inf

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return self._blob.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)` of the blob, fewer only at its end; raises what the blob raises."""
        span = (offset, min(offset + size, self.size))
        if span[0] >= span[1]:
            return b""
        whole = self._kept(span)
        if whole is not None:
            self._claim(span, is_kept=True)
            return whole
        for _ in range(_ROUNDS):
            self._list_where_needed(span)
            mine, theirs = self._claim(span)
            fetched = self._fly_all(mine)
            fetched |= {flight.span: flight.result.result() for flight in theirs}
            data = self._put_together(span, fetched)
            if data is not None:
                return data
        return self._checked(span, self._blob.read_at(span[0], span[1] - span[0]))

    def forget(self, offset: int, size: int) -> None:
        """Discard every kept range that has a byte of `[offset, offset+size)`, here and below."""
        with self._lock:
            self._ranges, self._listed_at = (), -inf
        for start, end in self._listed_ranges():
            if start < offset + size and offset < end:
                self._store.discard(self._key((start, end)))
        forget(self._blob, offset, size)

    def _claim(self, span: Range, *, is_kept: bool = False) -> tuple[list[_Flight], list[_Flight]]:
        """Flights that the caller has to fly to have `span`, and those of others to wait for; sends out guesses."""
        with self._lock:
            at_hand = [(start, end) for start, end, _ in cover_range(self._known(span[0]), span)]
            gaps = [] if is_kept else find_gaps(at_hand, span)
            theirs = [flight for flight in self._flights if flight.span[0] < span[1] and span[0] < flight.span[1]]
            guess = self._guess(span, gaps)
            if gaps and gaps[0][0] == span[0]:
                gaps[0] = self._trail(span[0]), gaps[0][1]
            if gaps and gaps[-1][1] == guess[0]:
                gaps[-1] = gaps[-1][0], max(guess[0], min(guess[1], gaps[-1][0] + PIECE))
                guess = gaps[-1][1], guess[1]
            mine = list(map(self._register, gaps))
            ahead = list(map(self._register, _pieces(guess)))
        for flight in ahead:
            self._send(flight)
        return mine, theirs

    def _known(self, start: int, *, more: Iterable[Range] = ()) -> list[Range]:
        """Ranges kept, under way and `more`, sorted, as far as they end after `start` and are worth looking at."""
        first = bisect(self._ranges, start, key=itemgetter(1))
        near = self._ranges[first : first + _LOOK_AT]
        flying = (flight.span for flight in self._flights)
        return sorted([*near, *(span for span in (*flying, *more) if span[1] > start)], key=_longest_first)

    def _trail(self, start: int) -> int:
        """Where to begin instead of at `start`: where a hole begins that is small enough to be filled now."""
        first = bisect(self._ranges, start, key=itemgetter(1))
        before = self._ranges[first - 1][1] if first else 0
        if any(before < flight.span[1] for flight in self._flights) or start - before > LEAP:
            return start
        return before if self._ahead and self._foresight.spend_all((before, start)) else start

    def _guess(self, span: Range, gaps: Sequence[Range]) -> Range:
        """What to fetch after `span` before anybody asks for it; empty while half of the way ahead is at hand."""
        nothing = (span[1], span[1])
        if self._ahead is None or span[1] == self.size:  # at the end is what is read once, to open the blob
            return nothing
        window = self._foresight.window(span, sum(end - start for start, end in gaps))
        lead, following = _lead(self._known(span[1]), span[1], self.size)
        reach = min(span[1] + window, lead + self._foresight.credit)
        extends_gap = bool(gaps) and gaps[-1][1] == lead
        if 2 * (lead - span[1]) >= reach - span[1] or not (extends_gap or reach - lead >= _LEAST_GUESS):
            return nothing
        return self._foresight.spend((lead, min(reach, following)))

    def _register(self, span: Range) -> _Flight:
        flight = _Flight(span)
        self._flights.append(flight)
        return flight

    def _send(self, flight: _Flight) -> None:
        """Fly in another thread; drop the guess where none is free."""
        assert self._ahead is not None
        if not self._ahead.start(lambda: self._fly(flight)):
            self._land(flight, Unavailable("no thread to read ahead; expected one"))

    def _fly(self, flight: _Flight) -> bytes:
        try:
            data = self._load(flight.span)
        except BaseException as error:
            self._land(flight, error)
            raise
        self._land(flight, data)
        return data

    def _fly_all(self, flights: Sequence[_Flight]) -> dict[Range, bytes]:
        try:
            return {flight.span: self._fly(flight) for flight in flights}
        except BaseException as error:
            for flight in flights:
                if not flight.result.done():
                    self._land(flight, error)
            raise

    def _land(self, flight: _Flight, result: bytes | BaseException) -> None:
        with self._lock:
            self._flights.remove(flight)
            size = flight.span[1] - flight.span[0]
            if isinstance(result, bytes) and size <= KEEP_LIMIT:
                self._ranges = _outermost([*self._ranges, flight.span])
        if isinstance(result, bytes):
            flight.result.set_result(result)
        else:
            flight.result.set_exception(result)

    def _load(self, span: Range) -> bytes:
        data = self._kept(span)  # by another process
        if data is None:
            data = self._checked(span, self._blob.read_at(span[0], span[1] - span[0]))
            if len(data) <= KEEP_LIMIT:
                self._store.put(self._key(span), data)
        return data

    def _checked(self, span: Range, data: bytes) -> bytes:
        if len(data) != span[1] - span[0]:
            raise Corrupt(f"blob {self._digest}: {len(data)} bytes at {span[0]}; expected {span[1] - span[0]}")
        return data

    def _put_together(self, span: Range, fetched: Mapping[Range, bytes]) -> bytes | None:
        """The bytes of `span`; None where a kept range has vanished: anything may."""
        parts: list[bytes] = []
        at = span[0]
        with self._lock:
            known = self._known(span[0], more=fetched)
        for start, end, source in cover_range(known, span):
            data = fetched.get(source) or self._kept(source)
            if data is None:  # vanished, or only now under way
                with self._lock:
                    self._ranges, self._listed_at = (), -inf
                return None
            if start == at:
                parts.append(data[start - source[0] : end - source[0]])
                at = end
        return b"".join(parts) if at == span[1] else None

    def _list_where_needed(self, span: Range) -> None:
        with self._lock:
            covered = sum(end - start for start, end, _ in cover_range(self._known(span[0]), span))
        if covered < span[1] - span[0] and self._clock() - self._listed_at >= _LISTING_SECONDS:
            listed_at, ranges = self._clock(), self._listed_ranges()
            with self._lock:
                self._listed_at, self._ranges = listed_at, ranges

    def _key(self, span: Range) -> str:
        return f"{self._digest}/{span[0]}-{span[1]}"

    def _kept(self, span: Range) -> bytes | None:
        data = self._store.get(self._key(span))
        return data if data is not None and len(data) == span[1] - span[0] else None

    def _listed_ranges(self) -> Sequence[Range]:
        names = (key.partition("/")[2] for key in self._store.keys(self._digest))
        ranges = ((int(match[1]), int(match[2])) for match in map(_RANGE.fullmatch, names) if match)
        return _outermost((start, end) for start, end in ranges if start < end <= self.size)


def _longest_first(span: Range) -> Range:
    """Order by start; of ranges that begin together, the longest first."""
    return span[0], -span[1]


def _outermost(ranges: Iterable[Range]) -> list[Range]:
    """`ranges` without those that lie in others: sorted by their starts, and so by their ends."""
    kept: list[Range] = []
    for span in sorted(ranges, key=_longest_first):
        if not kept or span[1] > kept[-1][1]:
            kept.append(span)
    return kept


def _lead(known: Iterable[Range], start: int, limit: int) -> Range:
    """Where the sorted ranges `known` leave the first byte from `start` on to be fetched, and where they go on."""
    lead = start
    for begin, end in known:
        if begin > lead:
            return lead, begin
        lead = max(lead, end)
    return lead, limit


def _pieces(span: Range) -> Iterator[Range]:
    """`span` in as few pieces of equal size as may be."""
    count = -(-(span[1] - span[0]) // PIECE)
    for number in range(count):
        size = span[1] - span[0]
        yield span[0] + size * number // count, span[0] + size * (number + 1) // count


def cover_range(ranges: Iterable[Range], span: Range) -> list[tuple[int, int, Range]]:
    """Pieces of `span` that the sorted `ranges` have, in order, without overlap: start, end, the range it lies in."""
    cover: list[tuple[int, int, Range]] = []
    covered = span[0]
    for kept in ranges:
        if kept[0] >= span[1]:
            break
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
