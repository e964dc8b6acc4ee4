"""Pieces made ahead of their use, by a thread of its own: what makes them and what takes them share two cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

_BATCH_SIZE = 256 << 10  # bytes, at least, that are handed over at once
_BATCHES = 4  # made, or being made, and not yet taken


def piped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`pieces`; raises what they raise. Closed early, it has made a few more of them."""
    batches = _batches(pieces)
    with ThreadPoolExecutor(1, thread_name_prefix="pipe") as maker:
        made = deque(maker.submit(next, batches, None) for _ in range(_BATCHES))
        while (batch := made.popleft().result()) is not None:
            made.append(maker.submit(next, batches, None))
            yield from batch


def _batches(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch, size = [], 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= _BATCH_SIZE:
            yield batch
            batch, size = [], 0
    yield batch
