"""What a network does to bytes, as arithmetic: one direction of a link, shared by all its connections.

A piece waits until the wire is free, takes its size divided by the bandwidth, and arrives half a round trip later.
Connections that wait take turns, as TCP streams that share a bottleneck do in the long run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

_PIECE_LIMIT = 128 << 10
_PIECE_SECONDS = 0.001  # of the wire: how long a connection waits for each of the others to have its turn

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Speed:
    """What a link is like; no bandwidth means no bound."""

    round_trip_seconds: float = 0.0
    bits_per_second: float = 0.0

    def seconds(self, size: int) -> float:
        """For which `size` bytes occupy the wire."""
        return 8 * size / self.bits_per_second if self.bits_per_second else 0.0

    @property
    def piece_size(self) -> int:
        """Bytes of one turn on the wire."""
        if not self.bits_per_second:
            return _PIECE_LIMIT
        return max(1500, min(_PIECE_LIMIT, int(self.bits_per_second * _PIECE_SECONDS / 8)))


class Arrival(NamedTuple, Generic[K]):
    """A piece of a connection that is on its way, and when it will be there."""

    seconds: float
    connection: K
    data: bytes


class Wire(Generic[K]):
    """One direction; all times are those of one clock."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._waiting: dict[K, deque[bytes]] = {}  # the next to have its turn first
        self.free_at = 0.0

    @property
    def is_wanted(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def offer(self, connection: K, data: bytes, now: float) -> None:
        """Let `data` wait for its turn."""
        if not self._waiting:
            self.free_at = max(self.free_at, now)
        self._waiting.setdefault(connection, deque()).append(data)

    def send(self, now: float) -> Iterator[Arrival[K]]:
        """What has its turn up to `now`."""
        while self._waiting and self.free_at <= now:
            connection, pieces = next(iter(self._waiting.items()))
            del self._waiting[connection]
            data = pieces.popleft()
            if pieces:
                self._waiting[connection] = pieces
            self.free_at += self._speed.seconds(len(data))
            yield Arrival(self.free_at + self._speed.round_trip_seconds / 2, connection, data)
