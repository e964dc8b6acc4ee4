"""A `ByteStore` in memory: least recently used values go first. For any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lru import LRU

_VALUE_FRACTION = 4  # a value above max_bytes / 4 is not kept: it would push out too many others
_OVERHEAD = 512  # bytes a value, estimated: key text 120, bytes header 33, LRU node and dict 200, set of keys 100


class MemoryStore:
    """At most `max_bytes` of values, their keys and what keeps them."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._values: LRU[str, bytes] = LRU(max(1, max_bytes // _OVERHEAD))
        self._keys: dict[str, set[str]] = {}

    def get(self, key: str) -> bytes | None:
        """Bytes kept under `key`, or None."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, unless it is large for this memory."""
        if len(data) + _OVERHEAD > self._max_bytes // _VALUE_FRACTION:
            self.discard(key)
            return
        with self._lock:
            self._remove(key)
            while self._bytes + len(data) + _OVERHEAD > self._max_bytes and (oldest := self._values.peek_last_item()):
                self._remove(oldest[0])
            self._values[key] = data
            self._bytes += len(data) + _OVERHEAD
            self._keys.setdefault(_digest(key), set()).add(key)

    def discard(self, key: str) -> None:
        """Forget `key`, if it is known."""
        with self._lock:
            self._remove(key)

    def keys(self, digest: str) -> Iterable[str]:
        """Keys now kept that begin with `<digest>/`."""
        with self._lock:
            return tuple(self._keys.get(digest, ()))

    def _remove(self, key: str) -> None:
        data = self._values.pop(key, None)
        if data is None:
            return
        self._bytes -= len(data) + _OVERHEAD
        keys = self._keys[_digest(key)]
        keys.remove(key)
        if not keys:
            del self._keys[_digest(key)]


def _digest(key: str) -> str:
    return key.partition("/")[0]
