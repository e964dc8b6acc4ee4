from __future__ import annotations

import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.dav.conftest import Serve
from tests.support.dav import DavClient, read_all
from tests.support.dav_tree import TreeFile, directory

BIG = TreeFile(bytes(50_000_000))
CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory({"file": TreeFile(b"content"), "\udcff": TreeFile(b"latin"), "big": BIG}))


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PROPFIND", b"OPTIONS", b"PUT"])
@pytest.mark.parametrize("path", [b"/%FF", b"/%FF%FE%80", b"/%C3%28", b"/%E4/%00", b"/%ED%A0%80"])
def test_a_path_that_is_not_utf_8_is_always_answered(client: DavClient, method: bytes, path: bytes) -> None:
    received = client.raw(b"%s %s HTTP/1.1\r\nDepth: 0\r\n%s" % (method, path, CLOSE))

    assert received.startswith(b"HTTP/1.1 ")
    assert int(received[9:12]) in (200, 207, 404, 405)


def test_a_name_that_is_not_utf_8_is_got(client: DavClient) -> None:
    assert client.get("/%FF").body == b"latin"
    assert client.responses("/", depth="1")[2].href == "/%FF"


def test_one_connection_serves_one_request_after_another(client: DavClient) -> None:
    requests = [
        b"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PROPFIND / HTTP/1.1\r\nHost: x\r\nDepth: 1\r\n\r\n",
        b"PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /missing HTTP/1.1\r\nHost: x\r\n\r\n",
        b"LOCK /file HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
        b"GET /file HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n",
        b"GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n",
        b"GET /file HTTP/1.1\r\n" + CLOSE,
    ]
    received = client.raw(*requests)

    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit() and b"\r\n" in part]
    assert [status for status in statuses if status != 200] == [207, 403, 404, 405, 304, 206]
    assert received.endswith(b"\r\n\r\ncontent")


@pytest.mark.parametrize("method", [b"PUT", b"PROPFIND", b"LOCK"])
def test_a_client_that_expects_100_continue_gets_on(client: DavClient, method: bytes) -> None:
    body = b'<propfind xmlns="DAV:"><allprop/></propfind>'
    head = b"%s /file HTTP/1.1\r\nDepth: 0\r\nExpect: 100-continue\r\nContent-Length: %d\r\n%s" % (
        method,
        len(body),
        CLOSE,
    )
    with client.connect() as connection:
        connection.sendall(head)
        first = connection.recv(65536)
        assert first.startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(body)
        answer = first[len(b"HTTP/1.1 100 Continue\r\n\r\n") :] + read_all(connection)

    assert int(answer[9:12]) == (207 if method == b"PROPFIND" else 405)


@pytest.mark.parametrize("method", [b"PUT", b"PROPFIND", b"GET", b"OPTIONS"])
@pytest.mark.parametrize(
    "framing",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nbody",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1_0\r\n\r\n0123456789",
    ],
)
def test_a_body_whose_end_cannot_be_found_closes_the_connection(
    client: DavClient, method: bytes, framing: bytes
) -> None:
    received = client.raw(b"%s /file HTTP/1.1\r\nHost: x\r\nDepth: 0\r\n%s" % (method, framing))

    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_body_that_ends_too_early_is_400(client: DavClient) -> None:
    with client.connect() as connection:
        connection.sendall(b"PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        connection.shutdown(socket.SHUT_WR)

        assert read_all(connection).startswith(b"HTTP/1.1 400 ")


def test_a_body_over_the_servers_own_limit_is_413(serve: Serve) -> None:
    client = serve(directory(), body_limit=1000)
    chunks = b"190\r\n%s\r\n" % bytes(400) * 4
    received = client.raw(b"PUT /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    assert received.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_goes_away_stops_the_reading(client: DavClient, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        BIG.reads.clear()
        with client.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leave with a reset
            connection.sendall(b"GET /big HTTP/1.1\r\n" + CLOSE)
            assert connection.recv(4096)
    _wait_for_quiet(BIG)

    assert sum(size for _, size in BIG.reads) < BIG.size / 2
    assert client.get("/file").body == b"content"
    assert capfd.readouterr().err == ""


def test_many_connections_are_kept_and_served_at_once(client: DavClient) -> None:
    together = threading.Barrier(30)

    def ask_twice(_number: int) -> bytes:
        with client.connect() as connection:
            together.wait(10)
            connection.sendall(b"HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n")
            first = connection.recv(65536)
            together.wait(10)
            connection.sendall(b"GET /file HTTP/1.1\r\n" + CLOSE)
            return first + read_all(connection)

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(ask_twice, range(30)))

    assert [answer.count(b"HTTP/1.1 200 OK") for answer in answers] == [2] * 30
    assert all(answer.endswith(b"content") for answer in answers)


def test_large_downloads_side_by_side_are_whole(client: DavClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        bodies = list(pool.map(lambda _: client.get("/big").body, range(4)))

    assert all(body == BIG.data for body in bodies)


def _wait_for_quiet(file: TreeFile) -> None:
    """Until nothing has read of `file` for a moment, at most five seconds."""
    deadline = time.monotonic() + 5
    count = -1
    while count != len(file.reads) and time.monotonic() < deadline:
        count = len(file.reads)
        time.sleep(0.05)
