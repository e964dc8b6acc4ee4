"""A loopback HTTP/1.1 server around one function from request to answer.

One daemon thread a connection; `close` cuts the connections that are open, so that no thread outlives it for long.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from crfs_dav.demo.exchange import NO_ANSWER, Answer, Request, parse_request

_log = logging.getLogger(__name__)
_BODY_LIMIT = 64 << 20  # bytes
_POLL_SECONDS = 0.5  # how late `close` is noticed at the worst


class Listener:
    """An open port on 127.0.0.1; every request is answered by `serve`, in threads of its own."""

    def __init__(self, serve: Callable[[Request], Answer], *, port: int = 0) -> None:
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), serve, self.closing)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """`127.0.0.1:<port>`."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening and cut all connections; again is no error."""
        self.closing.set()
        self._wake()
        self._thread.join()
        self._server.cut_connections()
        self._server.server_close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            self._server.handle_request()

    def _wake(self) -> None:
        """Have the accepting thread look up: `shutdown` of a server is only seen when its poll ends."""
        try:
            socket.create_connection(("127.0.0.1", self._server.server_port), _POLL_SECONDS).close()
        except OSError:
            _log.debug("%s does not listen any more", self.host)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    timeout = _POLL_SECONDS

    def __init__(self, address: tuple[str, int], serve: Callable[[Request], Answer], closing: threading.Event) -> None:
        self.serve = serve
        self.closing = closing
        self._connections: set[Any] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                _log.debug("connection was gone already")

    def handle_error(self, request: Any, client_address: Any) -> None:
        # socketserver prints the traceback of each client that hangs up
        _log.debug("connection from %s failed", client_address, exc_info=True)


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and a small body leave in one packet

    def _answer(self) -> None:
        answer = self.server.serve(parse_request(self.command, self.path, self.headers, self._read_body()))
        if answer is NO_ANSWER:
            self.close_connection = True
            return
        self._send_head(answer)
        body = b"" if self.command == "HEAD" else answer.body
        self.wfile.write(body if answer.cut_at is None else body[: answer.cut_at])
        if answer.cut_at is not None:
            self.close_connection = True
            self.wfile.flush()
        if answer.silent:
            self.server.closing.wait()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

    def _read_body(self) -> bytes:
        """The request's body; nothing of one without a length or too long, and the connection ends with the answer."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > _BODY_LIMIT:
            self.close_connection = True
            return b""
        return self.rfile.read(int(length))

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers and answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
