"""Cheroot's connections with less work for the same behaviour; each is for the thread that serves it.

What cheroot 11 does, and what is done here about it:

- It sends the head of an answer alone, and copies each piece of a body twice: the head goes with what follows it, a
  piece straight to the socket.
- It takes lines from what has arrived with `_pyio`, in pieces of 256 bytes: here with one search.
- Between two requests of a connection it hands it from thread to thread, which costs as much as a small answer: here
  the thread that has served one waits a moment for the next, unless others wait for the thread.
- It makes each `Date` anew: here once a second.
- It makes the variable of each header anew, and looks at each header of an answer five times: here once.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from functools import lru_cache
from typing import Any

from cheroot import wsgi
from cheroot.makefile import MakeFile, StreamReader
from cheroot.server import HTTPConnection, HTTPRequest

from crfs_dav.dav.dates import http_date

_CONTENT_HEADERS = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})  # CGI's names have no `HTTP_` before them
_MOMENT_MILLISECONDS = 2
_JOINED_LIMIT = 64 << 10  # bytes of a piece that are copied to go out with the head


class Connection(HTTPConnection):
    """One connection."""

    def __init__(self, server: Any, sock: socket.socket, makefile: Any = MakeFile) -> None:
        super().__init__(server, sock, makefile=_makefile)

    def communicate(self) -> bool:
        """Serve the next request, and those that follow close upon it; True if the connection is to be kept."""
        while super().communicate():  # type: ignore[no-untyped-call]
            if not self.server.ready or self.server.requests.qsize or not self._is_followed():
                return True
        return False

    def _is_followed(self) -> bool:
        """True if there is something to read, or the other side has closed, within a moment."""
        if self.rfile.has_data():
            return True
        if not hasattr(select, "poll"):  # Windows
            return False
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(_MOMENT_MILLISECONDS))


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


class Gateway(wsgi.Gateway_10):
    """One request, handed to the application as WSGI 1.0 has it (PEP 3333)."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]  # cheroot's stub says that it gives nothing
        """The same variables as cheroot's."""
        request, connection, server = self.req, self.req.conn, self.req.server
        environ = {
            "ACTUAL_SERVER_PROTOCOL": server.protocol,
            "PATH_INFO": request.path.decode("latin-1"),
            "QUERY_STRING": request.qs.decode("latin-1"),
            "REMOTE_ADDR": connection.remote_addr or "",
            "REMOTE_PORT": str(connection.remote_port or ""),
            "REQUEST_METHOD": request.method.decode("latin-1"),
            "REQUEST_URI": request.uri.decode("latin-1"),
            "SCRIPT_NAME": "",
            "SERVER_NAME": server.server_name,
            "SERVER_PORT": str(server.bind_addr[1]),
            "SERVER_PROTOCOL": request.request_protocol.decode("latin-1"),
            "SERVER_SOFTWARE": server.software,
            "wsgi.errors": sys.stderr,
            "wsgi.input": request.rfile,
            "wsgi.input_terminated": bool(request.chunked_read),
            "wsgi.multiprocess": False,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.url_scheme": request.scheme.decode("latin-1"),
            "wsgi.version": self.version,
        }
        environ.update((_variable(name), value.decode("latin-1")) for name, value in request.inheaders.items())
        return environ

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Take the head of the answer; cheroot's way for whoever calls it twice."""
        if self.started_response or exc_info:
            return super().start_response(status, headers, exc_info)
        self.started_response = True
        self.req.status = status.encode("latin-1")
        for name, value in headers:
            self.req.outheaders.append((name.encode("latin-1"), value.encode("latin-1")))
            if name.lower() == "content-length":
                self.remaining_bytes_out = int(value)
        return self.write


@lru_cache(maxsize=128)
def _variable(name: bytes) -> str:
    """The variable of a header."""
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in _CONTENT_HEADERS else f"HTTP_{variable}"


class _Reader(StreamReader):
    _read_buf: bytes  # of `_pyio.BufferedReader`: what has arrived, taken up to `_read_pos`
    _read_pos: int

    def readline(self, size: int | None = -1) -> bytes:
        """The next line, at most `size` bytes of it."""
        if self._read_pos == len(self._read_buf):
            self.peek(1)  # what there is to read, once
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
