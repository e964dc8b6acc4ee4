"""Digests of what streams by, each taken by a thread of its own: where there is a core for it, it costs no time."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

_BATCH_SIZE = 256 << 10  # bytes, at least, that are handed over at once
_BATCHES = 4  # handed over, and not yet hashed


def hashed(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """`pieces`, of which `digest` is once they have come to their end. Raises what they raise."""
    unhashed: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="hash") as hasher:
        batch, size = [], 0
        for piece in pieces:
            batch.append(piece)
            size += len(piece)
            if size >= _BATCH_SIZE:
                unhashed.append(hasher.submit(_hash, digest, batch))
                batch, size = [], 0
            if len(unhashed) > _BATCHES:
                unhashed.popleft().result()
            yield piece
        hasher.submit(_hash, digest, batch)


def _hash(digest: hashlib._Hash, batch: Iterable[bytes]) -> None:
    for piece in batch:
        digest.update(piece)
