"""The load generators: what clients do, as cheaply as this machine can do it, each answer checked for its size."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

_BUFFER = 1 << 20
# davfs2's question, word for word: what a mount asks of every directory.
_QUESTION = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>\n<resourcetype xmlns="DAV:"/>\n'
    b'<getcontentlength xmlns="DAV:"/>\n<getetag xmlns="DAV:"/>\n<getlastmodified xmlns="DAV:"/>\n'
    b'<executable xmlns="http://apache.org/dav/props/"/>\n</prop></propfind>\n'
)


class Client:
    """One kept-alive connection to the server at `url`; its methods give seconds."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = HTTPConnection(address.netloc, timeout=300)
        self._path = address.path.rstrip("/")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def listing(self, path: str, count: int) -> float:
        """For a PROPFIND of Depth 1 of a directory of `count` names; any count where it is negative."""
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        started = time.perf_counter()
        target = f"{self._path}/{path}".rstrip("/")
        self._connection.request("PROPFIND", f"{target}/", _QUESTION, headers)
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - started
        found = max(map(body.count, (b"<D:response", b"<response", b"<ns0:response"))) - 1
        _check(path, (response.status, found), (207, found if count < 0 else count))
        return seconds

    def read(self, path: str, size: int) -> float:
        """For a file of `size` bytes, read to its end; any size where it is negative."""
        buffer = bytearray(_BUFFER)
        started = time.perf_counter()
        self._connection.request("GET", f"{self._path}/{path}")
        response = self._connection.getresponse()
        found = 0
        while count := response.readinto(buffer):
            found += count
        seconds = time.perf_counter() - started
        _check(path, (response.status, found), (200, found if size < 0 else size))
        return seconds

    def first_byte(self, path: str) -> float:
        """From asking for a file to its first byte."""
        started = time.perf_counter()
        self._connection.request("GET", f"{self._path}/{path}")
        response = self._connection.getresponse()
        _check(path, len(response.read(1)), 1)
        seconds = time.perf_counter() - started
        response.read()
        return seconds


def requests_per_second(url: str, paths: Sequence[str], *, connections: int, seconds: float) -> float:
    """GETs answered a second, over `connections` at once, each asking for the next of `paths` once answered."""
    address = urlsplit(url)
    host, _, port = address.netloc.partition(":")
    questions = [
        f"GET {address.path.rstrip('/')}/{path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode() for path in paths
    ]
    with selectors.DefaultSelector() as selector:
        clients = [_Loop(socket.create_connection((host, int(port))), questions, at) for at in range(connections)]
        for client in clients:
            selector.register(client.connection, selectors.EVENT_READ, client)
            client.ask()
        started = time.perf_counter()
        count, end = 0, started + seconds
        while time.perf_counter() < end:
            for key, _ in selector.select(10):
                count += key.data.hear()
        elapsed = time.perf_counter() - started
        for client in clients:
            client.connection.close()
    return count / elapsed


class _Loop:
    """One connection that asks again and again."""

    def __init__(self, connection: socket.socket, questions: Sequence[bytes], at: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self._questions = questions
        self._at = at
        self._answer = b""

    def ask(self) -> None:
        self.connection.sendall(self._questions[self._at % len(self._questions)])
        self._at += 1
        self._answer = b""

    def hear(self) -> int:
        """1 if the answer is whole, and the next question asked; else 0."""
        data = self.connection.recv(_BUFFER)
        self._answer = self._answer + data if self._answer else data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        _check("answer", bool(data) and head[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 200"[: len(head)]), True)
        if not blank:
            return 0
        length = head.lower().split(b"\r\ncontent-length:")[1].partition(b"\r\n")[0]
        if len(body) < int(length):
            return 0
        self.ask()
        return 1


def _check(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}; expected {expected}")
