"""The program behind `link`: a TCP proxy in a process of its own, one thread, that adds time and counts.

`python -m tests.support.proxy HOST:PORT ROUND_TRIP_SECONDS BITS_PER_SECOND` says on standard output where it listens.
Each line on standard input is answered by one: `counts` by what passed since the start, `reset` by the same, counting
from zero afterwards. It ends with its standard input.
"""

from __future__ import annotations

import heapq
import json
import select
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import count

from tests.support.wire import Speed, Wire

_WINDOW = 6 << 20  # bytes of a connection under way, as an untuned Linux allows: the last of `net.ipv4.tcp_rmem`
_BACKLOG = 1024
_REQUEST_END = b" HTTP/1.1\r\n"  # none of our clients' requests is cut there: each is one write
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Counts:
    """What passed since the last reset."""

    def __init__(self) -> None:
        self.connections = self.bytes_up = self.bytes_down = 0
        self.requests: list[Request] = []
        self._started = time.process_time()

    def line(self) -> str:
        """All of it, as JSON."""
        figures = {
            "connections": self.connections,
            "bytes_up": self.bytes_up,
            "bytes_down": self.bytes_down,
            "requests": [(request.start, request.end) for request in self.requests],
            "processor_seconds": time.process_time() - self._started,
        }
        return json.dumps(figures)


class Request:
    """When it was sent, and when the last byte of its answer arrived so far."""

    def __init__(self, start: float) -> None:
        self.start = self.end = start


class Loop:
    """Sockets that are ready and moments that have come; more exact than epoll's own milliseconds."""

    def __init__(self) -> None:
        self.selector = selectors.EpollSelector()
        self._moments: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` once the monotonic clock says `seconds`."""
        heapq.heappush(self._moments, (seconds, next(self._numbers), act))

    def turn(self) -> None:
        """Wait for whatever comes first, and do all that is due."""
        wait = max(0.0, self._moments[0][0] - time.monotonic()) if self._moments else None
        if select.select([self.selector], [], [], wait)[0]:
            for key, events in self.selector.select(0):
                key.data(events)
        now = time.monotonic()
        while self._moments and self._moments[0][0] <= now:
            heapq.heappop(self._moments)[2]()


class Direction:
    """One direction of the link in time."""

    def __init__(self, loop: Loop, speed: Speed) -> None:
        self._loop = loop
        self._wire: Wire[End] = Wire(speed)
        self._is_due = False

    def offer(self, end: End, data: bytes) -> None:
        """Carry `data` to `end` when it is its turn; empty data is the end of what comes."""
        self._wire.offer(end, data, time.monotonic())
        self._send()

    def _send(self) -> None:
        for seconds, end, data in self._wire.send(time.monotonic()):
            self._loop.at(seconds, lambda end=end, data=data: end.land(data))  # type: ignore[misc]
        if self._wire.is_wanted and not self._is_due:
            self._is_due = True
            self._loop.at(self._wire.free_at, self._due)

    def _due(self) -> None:
        self._is_due = False
        self._send()


class End:
    """One of the two sockets of a connection."""

    def __init__(self, connection: socket.socket, loop: Loop, away: Direction, piece_size: int) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.under_way = 0  # bytes that came from here and have not left at the other end
        self.is_closed = self.is_ended = False  # ended: nothing more goes out here
        self.other: End
        self.on_read: Callable[[bytes], None]
        self.on_land: Callable[[], None]
        self._socket = connection
        self._loop = loop
        self._away = away
        self._piece_size = piece_size
        self._landed: deque[bytes | memoryview] = deque()
        self._is_read = False
        self._events = 0

    def open(self) -> None:
        """Begin to read."""
        self._is_read = True
        self.watch()

    def land(self, data: bytes) -> None:
        """Send what has arrived here."""
        if self.is_closed:
            return
        if data:
            self.on_land()
        self._landed.append(data)
        self._guarded(self._write)

    def watch(self) -> None:
        """Wait for what is wanted of the socket now."""
        events = (_READ if self._is_read and self.under_way < _WINDOW else 0) | (_WRITE if self._landed else 0)
        if events == self._events or self.is_closed:
            return
        if self._events:
            self._loop.selector.unregister(self._socket)
        if events:
            self._loop.selector.register(self._socket, events, self._ready)
        self._events = events

    def close(self) -> None:
        """Close the socket at once."""
        if not self.is_closed:
            if self._events:
                self._loop.selector.unregister(self._socket)
            self.is_closed = True
            self._socket.close()

    def _ready(self, events: int) -> None:
        if events & _READ and not self.is_closed:
            self._guarded(self._read)
        if events & _WRITE and not self.is_closed:
            self._guarded(self._write)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BlockingIOError:
            self.watch()
        except OSError:
            self.close()
            self.other.close()

    def _read(self) -> None:
        data = self._socket.recv(self._piece_size)
        self.on_read(data)
        self.under_way += len(data)
        self._is_read = bool(data)
        self._away.offer(self.other, data)
        self.watch()

    def _write(self) -> None:
        while self._landed:
            data = self._landed[0]
            sent = self._socket.send(data) if data else 0
            self.other.under_way -= sent
            if sent < len(data):
                self._landed[0] = memoryview(data)[sent:]
                continue
            self._landed.popleft()
            if not data:
                self._end()
        self.watch()
        self.other.watch()

    def _end(self) -> None:
        self.is_ended = True
        self._socket.shutdown(socket.SHUT_WR)
        if self.other.is_ended:
            self.close()
            self.other.close()


class Proxy:
    """All connections to one server."""

    def __init__(self, target: str, speed: Speed) -> None:
        host, _, port = target.partition(":")
        self._target = host, int(port)
        self._speed = speed
        self._loop = Loop()
        self._up, self._down = Direction(self._loop, speed), Direction(self._loop, speed)
        self._counts = Counts()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._is_wanted = True

    def run(self) -> None:
        """Serve until standard input ends."""
        self._loop.selector.register(self._listener, _READ, self._accept)
        self._loop.selector.register(sys.stdin, _READ, self._answer)
        _say("{}:{}".format(*self._listener.getsockname()))
        while self._is_wanted:
            self._loop.turn()

    def _accept(self, _events: int) -> None:
        accepted = self._listener.accept()[0]
        try:
            reached = socket.create_connection(self._target, timeout=5)
        except OSError:
            accepted.close()
            return
        self._counts.connections += 1
        near = End(accepted, self._loop, self._up, self._speed.piece_size)
        far = End(reached, self._loop, self._down, self._speed.piece_size)
        near.other, far.other = far, near
        requests: list[Request] = []
        near.on_read = lambda data: self._count_up(data, requests)
        near.on_land = lambda: self._count_answer(requests)
        far.on_read = self._count_down
        far.on_land = lambda: None
        far.open()
        self._loop.at(time.monotonic() + self._speed.round_trip_seconds, near.open)  # the handshake

    def _count_up(self, data: bytes, requests: list[Request]) -> None:
        self._counts.bytes_up += len(data)
        for _ in range(data.count(_REQUEST_END)):
            requests.append(Request(time.monotonic()))
            self._counts.requests.append(requests[-1])

    def _count_down(self, data: bytes) -> None:
        self._counts.bytes_down += len(data)

    def _count_answer(self, requests: list[Request]) -> None:
        if requests:
            requests[-1].end = time.monotonic()

    def _answer(self, _events: int) -> None:
        word = sys.stdin.readline().strip()
        self._is_wanted = bool(word)
        if word:
            _say(self._counts.line())
        if word == "reset":
            self._counts = Counts()


def _say(line: str) -> None:
    print(line, flush=True)


def main(target: str, round_trip_seconds: str, bits_per_second: str) -> None:
    """Serves until standard input ends."""
    Proxy(target, Speed(float(round_trip_seconds), float(bits_per_second))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
