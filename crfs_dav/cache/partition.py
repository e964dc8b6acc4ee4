"""One owner's part of a `ByteStore`, for bytes that nothing has verified: they are given back to nobody else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from crfs_dav.readers import ByteStore


class Partition:
    """What `owner` keeps in `store`, where others keep theirs under the same digests."""

    def __init__(self, store: ByteStore, owner: str) -> None:
        self._store = store
        self._owner = owner

    def get(self, key: str) -> bytes | None:
        """Bytes that the owner kept under `key`, or None."""
        return self._store.get(self._own(key))

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, if there is room for it."""
        self._store.put(self._own(key), data)

    def discard(self, key: str) -> None:
        """Forget the owner's `key`, if it is known."""
        self._store.discard(self._own(key))

    def keys(self, digest: str) -> Iterable[str]:
        """The owner's keys that begin with `<digest>/`."""
        return [f"{digest}/{key.partition('/')[2]}" for key in self._store.keys(_own_digest(self._owner, digest))]

    def _own(self, key: str) -> str:
        digest, slash, rest = key.partition("/")
        return f"{_own_digest(self._owner, digest)}{slash}{rest}"


@lru_cache(1024)
def _own_digest(owner: str, digest: str) -> str:
    """A digest in place of `digest`, as stores on disk want one."""
    return f"sha256:{hashlib.sha256(f'{owner} {digest}'.encode()).hexdigest()}"
