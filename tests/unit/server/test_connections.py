"""What leaves a connection, packet by packet, and what is read of it."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
from cheroot import wsgi

from crfs_dav.server.connections import Connection, Gateway

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

SMALL, BIG = b"small", bytes(100_000)
_PACKET = 1 << 20


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """`/small`, `/big`, `/none` (304), `/cut` (an error in place of a body), and in `/header` that of the request."""
    path = environ["PATH_INFO"]
    if path == "/none":
        start_response("304 Not Modified", [])
        return []
    if path == "/cut":
        start_response("200 OK", [("Content-Length", "5")])
        return _cut()
    body = {"/small": SMALL, "/big": BIG, "/header": environ.get("HTTP_LONG", "").encode()}[path]
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def _cut() -> Iterator[bytes]:
    raise ConnectionAbortedError(103, "cut")
    yield b""


@pytest.fixture(scope="module")
def server() -> Iterator[wsgi.Server]:
    server = wsgi.Server(("127.0.0.1", 0), app, numthreads=1)
    server.gateway = Gateway
    server.prepare()
    yield server
    server.stop()


def packets(server: wsgi.Server, path: str, *header: bytes) -> list[bytes]:
    """What one request is answered with, send by send."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        near.sendall(b"\r\n".join([f"GET {path} HTTP/1.1".encode(), b"Host: x", *header, b"", b""]))
        Connection(server, far).communicate()
        far.shutdown(socket.SHUT_WR)
        return list(iter(lambda: near.recv(_PACKET), b""))


def test_the_head_of_a_small_answer_leaves_with_its_body(server: wsgi.Server) -> None:
    (packet,) = packets(server, "/small")

    head, _, body = packet.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.count(b"\r\nDate: ") == 1
    assert body == SMALL


def test_a_big_body_is_not_copied_to_leave_with_its_head(server: wsgi.Server) -> None:
    head, *bodies = packets(server, "/big")

    assert head.endswith(b"\r\n\r\n")
    assert b"".join(bodies) == BIG


@pytest.mark.parametrize(("path", "status"), [("/none", b"304"), ("/cut", b"200")])
def test_a_head_that_nothing_follows_leaves_too(server: wsgi.Server, path: str, status: bytes) -> None:
    (packet,) = packets(server, path)

    assert packet.startswith(b"HTTP/1.1 " + status)
    assert packet.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("size", [1, 100, 245, 256, 300, 7000])
def test_headers_of_any_length_are_read_whole(server: wsgi.Server, size: int) -> None:
    received = b"".join(packets(server, "/header", b"Long: " + b"x" * size))

    assert received.endswith(b"\r\n\r\n" + b"x" * size)


def test_the_application_is_told_what_cheroot_tells(server: wsgi.Server) -> None:
    told: list[WSGIEnvironment] = []

    def listening(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        told.append(environ)
        start_response("200 OK", [("content-length", "0")])
        return []

    headers = [b"Content-Type: text/x", b"Content-Length: 0", b"X-y: \xff", b"Depth: 1"]
    server.wsgi_app = listening
    for gateway in (Gateway, wsgi.Gateway_10):
        server.gateway = gateway
        packets(server, "/a%20b?c=d", *headers)
    server.wsgi_app, server.gateway = app, Gateway

    ours, theirs = ({key: value for key, value in each.items() if key != "wsgi.input"} for each in told)
    assert ours == theirs
    assert ours["HTTP_X_Y"] == "\xff"
    assert ours["CONTENT_TYPE"] == "text/x"
