"""A memory of answers that may change: tags, listings, and that something is not there."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lru import LRU

from crfs_dav.errors import AccessDenied, CrfsError, NoHost, NotFound, Unavailable
from crfs_dav.flight import SingleFlight

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ITEM_LIMIT = 20_000
_PAUSE_SECONDS = 5.0  # after a failure: a dead registry is not asked again by every client at once


def _nobody(_key: object, _error: CrfsError) -> None:
    """Nobody wants to hear."""


@dataclass(frozen=True, slots=True)
class _Answer(Generic[V]):
    value: V | None
    error: CrfsError | None
    expires_at: float


class Expiring(Generic[K, V]):
    """Answers by key, fresh for `lifetime_seconds`; `clock` is monotonic seconds.

    "Not found" and "denied" are answers too. An old answer of any kind outlives a registry that is down: what was seen
    keeps working until the registry says otherwise. `on_stale` hears the key and why, each time that this happens.
    """

    def __init__(
        self,
        lifetime_seconds: float,
        *,
        on_stale: Callable[[K, CrfsError], None] = _nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._on_stale = on_stale
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: LRU[K, _Answer[V]] = LRU(_ITEM_LIMIT)
        self._flights: SingleFlight[K, _Answer[V]] = SingleFlight()

    def get(self, key: K, load: Callable[[], V]) -> V:
        """Fresh answer for `key`, asked with `load()` where there is none; raises what `load` raised."""
        answer = self._fresh(key) or self._flights.run(key, lambda: self._ask(key, load))
        if answer.error is not None:
            raise copy.copy(answer.error)  # a shared exception would gather a longer traceback with each raise
        assert answer.value is not None
        return answer.value

    def peek(self, key: K) -> V | None:
        """Fresh answer for `key` without asking; None where there is none or it is an error."""
        answer = self._fresh(key)
        return answer.value if answer else None

    def recall(self, key: K) -> V | None:
        """Last answer for `key`, of any age, without asking; None where there is none or it was an error."""
        answer = self._last(key)
        return answer.value if answer else None

    def has_answer(self, key: K) -> bool:
        """True if `get` would answer, or raise, without asking."""
        return self._fresh(key) is not None

    def _last(self, key: K) -> _Answer[V] | None:
        with self._lock:
            answer: _Answer[V] | None = self._answers.get(key)
        return answer

    def _fresh(self, key: K) -> _Answer[V] | None:
        answer = self._last(key)
        return answer if answer is not None and self._clock() < answer.expires_at else None

    def _ask(self, key: K, load: Callable[[], V]) -> _Answer[V]:
        answer = self._fresh(key) or self._loaded(key, load)
        with self._lock:
            self._answers[key] = answer
        return answer

    def _loaded(self, key: K, load: Callable[[], V]) -> _Answer[V]:
        try:
            return _Answer(load(), None, self._clock() + self._lifetime_seconds)
        except (Unavailable, NoHost) as error:
            return self._outlived(key, error)
        except (NotFound, AccessDenied) as error:
            return _Answer(None, error.with_traceback(None), self._clock() + self._lifetime_seconds)

    def _outlived(self, key: K, error: Unavailable | NoHost) -> _Answer[V]:
        """The old answer; where there is none, the error. A host whose name is gone was there before, so it is down."""
        old = self._last(key)
        expires_at = self._clock() + min(_PAUSE_SECONDS, self._lifetime_seconds)
        if old is None or isinstance(old.error, Unavailable | NoHost):
            return _Answer(None, error.with_traceback(None), expires_at)
        self._on_stale(key, error)
        return _Answer(old.value, old.error, expires_at)
