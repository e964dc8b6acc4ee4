"""A network between two programs of this machine: a TCP proxy that adds round-trip time and bounds the bandwidth.

Each direction is one wire that all connections share: what is sent waits until the wire is free, takes its size
divided by the bandwidth, and arrives half a round trip later. A new connection costs one round trip more. There is no
loss and no slow start, and a connection holds at most `_WINDOW` bytes in flight, as an untuned Linux does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_WINDOW = 6 << 20  # bytes; the last of `net.ipv4.tcp_rmem`
_PIECE = 64 << 10
_REQUEST_END = b" HTTP/1.1\r\n"


@dataclass(frozen=True, slots=True)
class Speed:
    """What a link is like; no bandwidth means no bound."""

    round_trip_seconds: float = 0.0
    bits_per_second: float = 0.0

    def seconds(self, size: int) -> float:
        """For which `size` bytes occupy the wire."""
        return 8 * size / self.bits_per_second if self.bits_per_second else 0.0


class Wire:
    """One direction; for the thread of its loop, read by any."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._free_at = 0.0
        self.bytes = 0
        self.requests = 0

    def send(self, data: bytes, now: float) -> float:
        """When `data`, given to the wire at `now`, arrives."""
        self.bytes += len(data)
        self.requests += data.count(_REQUEST_END)  # none of our clients' requests is cut there: each is one write
        self._free_at = max(now, self._free_at) + self._speed.seconds(len(data))
        return self._free_at + self._speed.round_trip_seconds / 2


class Link:
    """A running link to the server at `host:port`; `host` is its near end."""

    def __init__(self, target: str, speed: Speed) -> None:
        self._target = target
        self._speed = speed
        self._up, self._down = Wire(speed), Wire(speed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._server: asyncio.Server
        self.host = ""

    @property
    def requests(self) -> int:
        """HTTP requests that went up so far."""
        return self._up.requests

    @property
    def bytes_down(self) -> int:
        """Bytes that came down so far."""
        return self._down.bytes

    def reset(self) -> None:
        """Count from zero again."""
        self._up.requests = self._up.bytes = self._down.bytes = 0

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self.host = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Cut all connections."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_PIECE)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def _cut(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        host, _, port = self._target.partition(":")
        await asyncio.sleep(self._speed.round_trip_seconds)  # the handshake
        far_in, far_out = await asyncio.open_connection(host, int(port), limit=_PIECE)
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(self._carry(near_in, far_out, self._up), self._carry(far_in, near_out, self._down))
        for writer in (near_out, far_out):
            writer.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, wire: Wire) -> None:
        flying: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WINDOW // _PIECE)
        landing = asyncio.create_task(self._land(flying, sink))
        try:
            while data := await source.read(_PIECE):
                await flying.put((wire.send(data, self._loop.time()), data))
                if landing.done():
                    break
            await flying.put((wire.send(b"", self._loop.time()), b""))
            await landing
        finally:
            landing.cancel()

    async def _land(self, flying: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        while True:
            arrival, data = await flying.get()
            await asyncio.sleep(max(0.0, arrival - self._loop.time()))
            if not data:
                with suppress(OSError):
                    sink.write_eof()
                return
            sink.write(data)
            await sink.drain()


@contextmanager
def link(target: str, speed: Speed) -> Iterator[Link]:
    """A link to the server at `target` (`host:port`)."""
    made = Link(target, speed)
    made.start()
    try:
        yield made
    finally:
        made.stop()
