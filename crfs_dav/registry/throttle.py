"""Registries that asked for patience: until then nobody asks them the like again, and hears how long that is."""

from __future__ import annotations

import re
import threading

from crfs_dav.errors import Unavailable
from crfs_dav.registry.deadline import Clock
from crfs_dav.registry.urls import origin

_REMEMBERED = 1000
_KIND = re.compile("/(manifests|blobs|tags|_catalog)(?=[/?]|$)")  # Docker Hub counts manifests and lets the rest be

Question = tuple[str, tuple[str, str, int], str]


class Throttle:
    """The ends of waits by method, place and kind of question; for any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[Question, float] = {}

    def check(self, method: str, url: str, what: str) -> None:
        """Nothing, where the question may be asked now; raises Unavailable with the seconds that are left."""
        until = self._until.get(_question(method, url))
        left = 0.0 if until is None else until - self._clock.now()
        if left > 0:
            text = f"{what}: throttled for {left:.0f} s more; expected fewer requests"
            raise Unavailable(text, retry_after_seconds=left)

    def note(self, method: str, url: str, seconds: float) -> None:
        """The answer was: not for another `seconds`."""
        question = _question(method, url)
        with self._lock:
            self._until.pop(question, None)
            if len(self._until) >= _REMEMBERED:
                del self._until[next(iter(self._until))]
            self._until[question] = self._clock.now() + seconds


def _question(method: str, url: str) -> Question:
    kind = _KIND.search(url)
    return method, origin(url), kind[1] if kind else ""
