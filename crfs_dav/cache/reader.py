"""A blob with memory: ranges read once are kept in a `ByteStore` and put together again. For any thread.

    read_at, prefetch        what is neither kept nor under way becomes a request: a few flights, one after the other
    a flight                 a piece of a request, at most 512 KiB: who waits for it waits for nothing behind it
    in the store             the flights, under `<digest>/<start>-<end>`

Requests that nobody waits for to their end, those ahead of readers, are made by spare threads.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from math import inf

from crfs_dav.cache.coverage import FLIGHT_SIZE, KEEP_LIMIT, Coverage, Flight, Request, Source
from crfs_dav.cache.ranges import Range, cut
from crfs_dav.errors import Corrupt, CrfsError, Unavailable
from crfs_dav.names import Digest
from crfs_dav.readers import ByteStore, ReaderAt, forget, stream
from crfs_dav.sparethreads import SpareThreads

_LISTING_SECONDS = 2.0  # for which a listing is believed: it reads a folder of the disk, with a file for each range
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_ROUNDS = 4  # in which kept ranges may vanish while they are put together


class CachedReader:
    """A `ReaderAt` that fetches exactly the bytes asked for which no kept range has; with `ahead`, also what is next.

    Processes that share a store share its ranges. What another process keeps under just the range asked for is found
    at once, what can be put together from its ranges after two seconds at most; `clock` gives monotonic seconds.
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
        self._coverage = Coverage(self.size)
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
        for _ in range(_ROUNDS):
            self._look_for(span)
            data = self._put_together(self._claim(span))
            if data is not None:
                return data
        return self._checked(span, self._blob.read_at(span[0], span[1] - span[0]))

    def prefetch(self, offset: int, size: int) -> None:
        """Have bytes `[offset, offset+size)` fetched by other threads, where there are any, and any is free."""
        span = (offset, min(offset + size, self.size))
        if self._ahead is None or span[0] >= span[1]:
            return
        self._look_for(span)
        with self._lock:
            requests = self._coverage.claim_ahead(span)
        for request in requests:
            self._send(request)

    def stream(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Bytes in order, in pieces, which are not kept: who wants all of a blob once wants them no second time."""
        end = self.size if size is None else min(offset + size, self.size)
        self._look_for((offset, end))
        with self._lock:
            parts = [part for part, _, flight in self._coverage.sources((offset, end)) if flight is None]
        if sum(stop - start for start, stop in parts) < end - offset:
            yield from stream(self._blob, offset, end - offset)
            return
        for start, stop in parts:
            yield self.read_at(start, stop - start)

    def forget(self, offset: int, size: int) -> None:
        """Discard every kept range that has a byte of `[offset, offset+size)`, here and below."""
        with self._lock:
            self._coverage.lose_all()
            self._listed_at = -inf
        for start, end in self._listed():
            if start < offset + size and offset < end:
                self._store.discard(self._key((start, end)))
        forget(self._blob, offset, size)

    def _look_for(self, span: Range) -> None:
        """Find out what other processes keep of `span`, where something of it is missing."""
        with self._lock:
            if not self._coverage.gaps(span):
                return
            is_stale = self._clock() - self._listed_at >= _LISTING_SECONDS
            self._listed_at = self._clock() if is_stale else self._listed_at
        found = self._listed() if is_stale else [part for part in cut(span, FLIGHT_SIZE) if self._value(part)]
        with self._lock:
            self._coverage.keep(found)

    def _claim(self, span: Range) -> list[Source]:
        """Who has or brings all of `span`: what nobody does is asked for now, and more where that pays."""
        with self._lock:
            mine, guesses = self._coverage.claim_widely(span) if self._ahead else (self._coverage.claim(span), [])
            sources = self._coverage.sources(span)
        for guess in guesses:
            self._send(guess)
        while mine:
            request = mine.pop(0)
            try:
                if len(request) == 1 or not self._send(request):
                    self._make(request)
            except BaseException as error:
                for unmade in mine:
                    self._fail(unmade, error)
                raise
        return sources

    def _send(self, request: Request) -> bool:
        """True if another thread makes `request`; what is but a guess is dropped where none is free."""
        is_sent = self._ahead is not None and self._ahead.start(partial(self._make, request))
        if not is_sent and request[0].is_guess:
            self._fail(request, Unavailable("no thread to read ahead; expected one"))
        return is_sent

    def _make(self, request: Request) -> None:
        """Fetch the flights of `request`; raises what the blob raises, which those that wait for them get too."""
        landed = 0
        try:
            for flight, data in zip(request, self._arriving(request), strict=True):
                self._land(flight, data)
                landed += 1
        except BaseException as error:
            self._fail(request[landed:], error)
            raise

    def _arriving(self, request: Request) -> Iterator[bytes]:
        """The bytes of each flight."""
        start, end = request[0].span[0], request[-1].span[1]
        if len(request) == 1:
            yield self._checked((start, end), self._blob.read_at(start, end - start))
            return
        rest = b""
        with closing(stream(self._blob, start, end - start)) as pieces:
            for flight in request:
                size = flight.span[1] - flight.span[0]
                parts, missing = [rest], size - len(rest)
                while missing > 0 and (piece := next(pieces, b"")):
                    parts.append(piece)
                    missing -= len(piece)
                data = b"".join(parts)
                yield self._checked(flight.span, data[:size])
                rest = data[size:]

    def _land(self, flight: Flight, data: bytes) -> None:
        flight.result.set_result(data)
        is_kept = len(data) <= KEEP_LIMIT
        if is_kept:
            self._store.put(self._key(flight.span), data)
        with self._lock:
            self._coverage.flights.remove(flight)
            if is_kept:
                self._coverage.keep([flight.span])

    def _fail(self, flights: Request, error: BaseException) -> None:
        with self._lock:
            for flight in flights:
                self._coverage.flights.remove(flight)
        for flight in flights:
            flight.result.set_exception(error)

    def _put_together(self, sources: Sequence[Source]) -> bytes | None:
        """The bytes that `sources` have; None where they are gone, or did not come: anything may vanish."""
        parts: list[bytes] = []
        for (start, end), known, flight in sources:
            data = self._value(known) if flight is None else _result(flight)
            if data is None:
                with self._lock:
                    self._coverage.lose(known)
                return None
            parts.append(data[start - known[0] : end - known[0]])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _value(self, span: Range) -> bytes | None:
        data = self._store.get(self._key(span))
        return data if data is not None and len(data) == span[1] - span[0] else None

    def _listed(self) -> list[Range]:
        names = (key.partition("/")[2] for key in self._store.keys(self._digest))
        ranges = ((int(match[1]), int(match[2])) for match in map(_RANGE.fullmatch, names) if match)
        return [(start, end) for start, end in ranges if start < end <= self.size]

    def _key(self, span: Range) -> str:
        return f"{self._digest}/{span[0]}-{span[1]}"

    def _checked(self, span: Range, data: bytes) -> bytes:
        if len(data) != span[1] - span[0]:
            text = f"blob {self._digest}: {len(data)} bytes at {span[0]}; expected {span[1] - span[0]}"
            raise Corrupt(text)
        return data


def _result(flight: Flight) -> bytes | None:
    """The bytes of `flight`, once they are there; None where a guess was wrong to be made."""
    try:
        return flight.result.result()
    except CrfsError:
        if not flight.is_guess:
            raise
        return None
