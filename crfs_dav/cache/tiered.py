"""A chain of `ByteStore`s: the fast and small before the slow and big. For any thread, as its stores are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crfs_dav.readers import ByteStore


class TieredStore:
    """Several stores as one; the first that knows a key answers, and those before it learn it."""

    def __init__(self, stores: Sequence[ByteStore]) -> None:
        self._stores = tuple(stores)

    def get(self, key: str) -> bytes | None:
        """Bytes of the first store that has `key`, or None."""
        for index, store in enumerate(self._stores):
            data = store.get(key)
            if data is not None:
                for faster in self._stores[:index]:
                    faster.put(key, data)
                return data
        return None

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` in every store."""
        for store in self._stores:
            store.put(key, data)

    def discard(self, key: str) -> None:
        """Forget `key` in every store, the slow ones first: `get` copies upwards."""
        for store in reversed(self._stores):
            store.discard(key)

    def keys(self, digest: str) -> Iterable[str]:
        """Keys of any store."""
        return frozenset().union(*(store.keys(digest) for store in self._stores))
