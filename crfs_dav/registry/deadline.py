"""Time as an argument: a clock, and the moment at which a call must have ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from crfs_dav.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that only grow, and a way to let some pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Deadline:
    """The end of one call, `seconds` from now."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock.now() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, below 0 once it has passed."""
        return self._end - self._clock.now()

    def check(self, what: str) -> float:
        """Seconds left, more than 0; raises Unavailable once it has passed."""
        remaining = self.remaining
        if remaining <= 0:
            raise Unavailable(f"{what}: not done after {self._seconds:g} s; expected an answer in that time")
        return remaining

    def pause(self, seconds: float) -> bool:
        """True after `seconds` of sleep; False, at once, if they would not leave any time."""
        if seconds >= self.remaining:
            return False
        self._clock.sleep(seconds)
        return True
