"""Cheroot's connections with less work for the same behaviour; each is for the thread that serves it.

What cheroot 11 does, and what is done here about it:

- It sends the head of an answer alone, and copies each piece of a body twice: the head goes with what follows it, a
  piece straight to the socket.
- It takes lines from what has arrived with `_pyio`, in pieces of 256 bytes: here with one search.
- It makes each `Date` anew: here once a second.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from cheroot.makefile import MakeFile, StreamReader
from cheroot.server import HTTPConnection, HTTPRequest

from crfs_dav.dav.dates import http_date

_JOINED_LIMIT = 64 << 10  # bytes of a piece that are copied to go out with the head


class Connection(HTTPConnection):
    """One connection."""

    def __init__(self, server: Any, sock: socket.socket, makefile: Any = MakeFile) -> None:
        super().__init__(server, sock, makefile=_makefile)


class _Request(HTTPRequest):
    def respond(self) -> None:
        """Answer, to the last byte."""
        try:
            super().respond()
        finally:
            self.conn.wfile.flush()

    def send_headers(self) -> None:
        """Send the head, with the first piece of the body if one follows."""
        self.outheaders.append((b"Date", http_date(int(time.time())).encode()))
        self.conn.wfile.hold_next()
        super().send_headers()


Connection.RequestHandlerClass = _Request


class _Reader(StreamReader):
    _read_buf: bytes  # of `_pyio.BufferedReader`: what has arrived, taken up to `_read_pos`
    _read_pos: int

    def readline(self, size: int | None = -1) -> bytes:
        """The next line, at most `size` bytes of it."""
        start = self._read_pos
        end = self._read_buf.find(b"\n", start) + 1
        if not end or (size is not None and 0 <= size < end - start):
            return bytes(super().readline(size))
        self._read_pos = end
        return self._read_buf[start:end]


class _Writer:
    """The sending side, unbuffered but for what is held back."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._held = b""
        self._holds_next = False

    def hold_next(self) -> None:
        """Hold the next bytes back until others follow them, or `flush`."""
        self._holds_next = True

    def write(self, data: bytes) -> int:
        """Count of bytes taken: all. Raises OSError as the socket does, which bounds the wait for each send."""
        if self._holds_next:
            self._holds_next, self._held = False, self._held + data
            return len(data)
        if self._held and len(data) <= _JOINED_LIMIT:
            held, self._held = self._held, b""
            self._send(held + data)
        else:
            self.flush()
            self._send(data)
        return len(data)

    def flush(self) -> None:
        """Send what is held back."""
        held, self._held = self._held, b""
        self._send(held)

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._socket.send(rest) :]


def _makefile(sock: socket.socket, mode: str, size: int) -> _Reader | _Writer:
    return _Reader(sock, mode, size) if "r" in mode else _Writer(sock)
