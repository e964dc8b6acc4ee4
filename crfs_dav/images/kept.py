"""A bounded memory of opened things, each opened once at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from lru import LRU

from crfs_dav.flight import SingleFlight

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ITEM_LIMIT = 65_536


class Kept(Generic[K, V]):
    """Values by content-addressed key, least recently used first to go once their weights pass `max_weight`.

    The value used last always stays, also where it is heavier than all that is allowed: it is in use anyway.
    """

    def __init__(self, max_weight: int, weigh: Callable[[V], int]) -> None:
        self._max_weight = max_weight
        self._weigh = weigh
        self._weight = 0
        self._lock = threading.Lock()
        self._values: LRU[K, V] = LRU(_ITEM_LIMIT)
        self._flights: SingleFlight[K, V] = SingleFlight()

    def get(self, key: K, load: Callable[[], V]) -> V:
        """Value kept under `key`, else that of `load()`; raises what `load` raises, and keeps no errors."""
        value = self._find(key)
        return self._flights.run(key, lambda: self._load(key, load)) if value is None else value

    def peek(self, key: K) -> V | None:
        """Value kept under `key`, None where there is none now."""
        return self._find(key)

    def discard(self, key: K) -> None:
        """Forget `key`, if it is kept."""
        with self._lock:
            value = self._values.pop(key, None)
            self._weight -= 0 if value is None else self._weigh(value)

    def _load(self, key: K, load: Callable[[], V]) -> V:
        value = self._find(key)  # the flight before ours may have landed between our look and our start
        if value is None:
            value = load()
            self._keep(key, value)
        return value

    def _find(self, key: K) -> V | None:
        with self._lock:
            return self._values.get(key)

    def _keep(self, key: K, value: V) -> None:
        with self._lock:
            self._values[key] = value
            self._weight += self._weigh(value)
            while (self._weight > self._max_weight or len(self._values) == _ITEM_LIMIT) and len(self._values) > 1:
                _, oldest = self._values.popitem(least_recent=True)
                self._weight -= self._weigh(oldest)
