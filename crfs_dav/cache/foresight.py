"""How far to read ahead of what is asked for: as far as earlier guesses were right. Pure; for one thread at a time.

What has to be fetched is earned as credit. A guess spends its size; as far as it is asked for in the end, it
earns it back twofold. So guesses double as long as they prove right, across chunks and across files that follow each
other in the blob; they shrink to nothing where reads are scattered; and never is more fetched than twice what was
asked for.
"""

from __future__ import annotations

from collections import deque

from crfs_dav.cache.ranges import Range

CREDIT_LIMIT = 64 << 20  # bytes; the most that is ever fetched for nothing
WINDOW = 12 << 20  # bytes ahead of a stream: at 1 Gbit/s what comes in 100 ms, at 100 MB/s too
LEAP = 2 << 20  # bytes after a read that no guess foresaw
_GUESSES = 64  # remembered; older ones are taken for wrong


class Foresight:
    """The credit of one blob, and what was guessed of it."""

    def __init__(self) -> None:
        self._credit = 0
        self._guesses: deque[Range] = deque(maxlen=_GUESSES)

    def window(self, span: Range, fetched: int) -> int:
        """Bytes worth having ahead of `span`, which is asked for now, and of which `fetched` bytes are not at hand."""
        foreseen = self._take(span)
        self._credit = min(CREDIT_LIMIT, self._credit + 2 * foreseen + fetched)
        return WINDOW if foreseen else LEAP

    def spend(self, guess: Range) -> Range:
        """As much of `guess` as the credit allows, from its start on; perhaps nothing."""
        end = min(guess[1], guess[0] + self.credit)
        if guess[0] < end:
            self._credit -= end - guess[0]
            self._guesses.append((guess[0], end))
        return guess[0], end

    def spend_all(self, guess: Range) -> bool:
        """True if the credit allowed the whole of `guess`, which then is spent."""
        allowed = guess[1] - guess[0] <= self.credit
        if allowed:
            self.spend(guess)
        return allowed

    @property
    def credit(self) -> int:
        """Bytes that one guess may have now: a quarter of all, for others read elsewhere in the blob."""
        return self._credit // 4

    def _take(self, span: Range) -> int:
        """Bytes of `span` that had been guessed; they are guesses no more."""
        taken = 0
        for _ in range(len(self._guesses)):
            start, end = self._guesses.popleft()
            first, last = max(start, span[0]), min(end, span[1])
            if first >= last:
                self._guesses.append((start, end))
                continue
            taken += last - first
            self._guesses.extend(rest for rest in ((start, first), (last, end)) if rest[0] < rest[1])
        return taken
