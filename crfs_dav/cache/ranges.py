"""Ranges of bytes, half open: which are known, which of them cover a span, and what they leave of it. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise

Range = tuple[int, int]  # start and end, half open, in bytes of the blob


class RangeSet:
    """Ranges of which none lies in another, so that their ends are in the order of their starts; guard it by a lock."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(ranges, key=lambda span: (span[0], -span[1])):
            if not self._ends or end > self._ends[-1]:
                self._starts.append(start)
                self._ends.append(end)

    def add(self, span: Range) -> None:
        """Take `span` in, and let go of those that lie in it."""
        start, end = span
        first = bisect_left(self._starts, start)
        last = bisect_right(self._ends, end)
        is_in_earlier = first > 0 and self._ends[first - 1] >= end
        is_in_next = first < len(self._starts) and self._starts[first] == start and self._ends[first] >= end
        if is_in_earlier or is_in_next:
            return
        last = max(first, last)
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def discard(self, span: Range) -> None:
        """Let go of `span`, if it is here."""
        place = bisect_left(self._starts, span[0])
        if place < len(self._starts) and (self._starts[place], self._ends[place]) == span:
            del self._starts[place], self._ends[place]

    def over(self, span: Range) -> Iterator[Range]:
        """Ranges that have a byte of `span`, in order."""
        for place in range(bisect_right(self._ends, span[0]), len(self._starts)):
            if self._starts[place] >= span[1]:
                return
            yield self._starts[place], self._ends[place]

    def end_before(self, offset: int) -> int:
        """Where the last range ends that ends at or before `offset`; 0 where none does."""
        place = bisect_right(self._ends, offset)
        return self._ends[place - 1] if place else 0

    def start_after(self, offset: int, default: int) -> int:
        """Where the first range begins that begins at or after `offset`; `default` where none does."""
        place = bisect_left(self._starts, offset)
        return self._starts[place] if place < len(self._starts) else default

    def unite(self, span: Range) -> None:
        """Take `span` in as one with those that it touches; in a set of which all came so, none touch."""
        first = bisect_left(self._ends, span[0])
        last = bisect_right(self._starts, span[1])
        if first < last:
            span = min(span[0], self._starts[first]), max(span[1], self._ends[last - 1])
        self._starts[first:last] = [span[0]]
        self._ends[first:last] = [span[1]]

    def __iter__(self) -> Iterator[Range]:
        return zip(self._starts, self._ends, strict=True)


def covered(ranges: Iterable[Range], span: Range) -> list[tuple[Range, Range]]:
    """Pieces of `span` that the sorted `ranges` have, in order, without overlap; each with the range it lies in."""
    pieces: list[tuple[Range, Range]] = []
    at = span[0]
    for known in ranges:
        start, end = max(at, known[0]), min(known[1], span[1])
        if start < end:
            pieces.append(((start, end), known))
            at = end
    return pieces


def find_gaps(pieces: Iterable[Range], span: Range, *, hole_limit: int) -> list[Range]:
    """What the sorted `pieces` leave of `span`; neighbouring gaps with a hole of at most `hole_limit` are one."""
    gaps: list[Range] = []
    start = span[0]
    for piece in [*pieces, (span[1], span[1])]:
        if piece[0] > start:
            if gaps and start - gaps[-1][1] <= hole_limit:
                gaps[-1] = (gaps[-1][0], piece[0])
            else:
                gaps.append((start, piece[0]))
        start = piece[1]
    return gaps


def cut(span: Range, size: int) -> list[Range]:
    """`span` in pieces that end at multiples of `size`; none of an empty one."""
    if span[0] >= span[1]:
        return []
    ends = [*range((span[0] // size + 1) * size, span[1], size), span[1]]
    return list(pairwise([span[0], *ends]))


def shared_out(span: Range, size: int) -> list[Range]:
    """`span` in as few pieces of equal size as may be, of at most `size` bytes each."""
    length = span[1] - span[0]
    count = -(-length // size)
    return list(pairwise(span[0] + length * number // count for number in range(count + 1))) if count else []


def lead(ranges: Iterable[Range], start: int, limit: int) -> Range:
    """The first gap that the sorted `ranges` leave from `start` on; it ends at `limit` at the latest."""
    at = start
    for known in ranges:
        if known[0] > at:
            return at, min(known[0], limit)
        at = max(at, known[1])
    return min(at, limit), limit
