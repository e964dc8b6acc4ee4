"""How much to fetch besides what is asked for: as much as earlier guesses were right. Pure; for one thread at a time.

What has to be fetched is earned as credit. A guess spends its size; as far as it is asked for in the end, it earns
six times that. So guesses grow as long as they prove right, across chunks and across files that lie near each other
in the blob, and shrink to nothing where reads are scattered: of those, never is more fetched than twice what was
asked for, and 32 KiB.
"""

from __future__ import annotations

from collections import deque

from crfs_dav.cache.ranges import Range

CREDIT_LIMIT = 64 << 20  # bytes; the most that is ever fetched for nothing
FIRST_CREDIT = 32 << 10  # bytes; files of some hundred bytes would earn too little for the first guess
_PROFIT = 6
_GUESSES = 256  # remembered; older ones are taken for wrong


class Foresight:
    """The credit of one blob, and what was guessed of it."""

    def __init__(self) -> None:
        self._credit = FIRST_CREDIT
        self._guesses: deque[Range] = deque(maxlen=_GUESSES)

    @property
    def credit(self) -> int:
        """Bytes that may be guessed now."""
        return self._credit

    def ask(self, span: Range, missed: int) -> int:
        """Bytes of `span`, which is asked for now, that had been guessed; `missed` of its bytes are not at hand."""
        foreseen = self._take(span)
        self._credit = min(CREDIT_LIMIT, self._credit + missed + _PROFIT * foreseen)
        return foreseen

    def spend(self, *guesses: Range) -> None:
        """Guess that these bytes will be asked for."""
        for start, end in guesses:
            if start < end:
                self._credit -= end - start
                self._guesses.append((start, end))

    def _take(self, span: Range) -> int:
        """Bytes of `span` that had been guessed; they are guesses no more."""
        taken = 0
        for start, end in [each for each in self._guesses if each[0] < span[1] and span[0] < each[1]]:
            self._guesses.remove((start, end))
            first, last = max(start, span[0]), min(end, span[1])
            taken += last - first
            self._guesses.extend(rest for rest in ((start, first), (last, end)) if rest[0] < rest[1])
        return taken
