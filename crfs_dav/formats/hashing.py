"""Digests of what streams by, each taken by a thread of its own: where there is a core for it, it costs no time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from queue import Queue

_BATCH_SIZE = 256 << 10  # bytes, at least, that are handed over at once
_BATCHES = 4  # handed over, and not yet hashed

_Batches = Queue[list[bytes] | None]


def hashed(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """`pieces`, of which `digest` is once they have come to their end. Raises what they raise."""
    batches: _Batches = Queue(_BATCHES)
    thread = threading.Thread(target=_hash, args=(batches, digest), name="hash", daemon=True)
    thread.start()
    try:
        batch, size = [], 0
        for piece in pieces:
            batch.append(piece)
            size += len(piece)
            if size >= _BATCH_SIZE:
                batches.put(batch)
                batch, size = [], 0
            yield piece
        batches.put(batch)
    finally:
        batches.put(None)
        thread.join()


def _hash(batches: _Batches, digest: hashlib._Hash) -> None:
    for batch in iter(batches.get, None):
        for piece in batch:
            digest.update(piece)
