"""The load generators: what clients do, each answer checked."""

from __future__ import annotations

import re
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.machine import run

_BUFFER = 1 << 20
_SCRIPT = Path(__file__).with_name("paths.lua")
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


def requests_per_second(url: str, *, count: int, connections: int, seconds: int) -> float:
    """GETs answered a second, over `connections` at once, of `count` files of the directory at `url` in turn.

    By wrk: a client in Python would take as much of the processor as the server that it asks.
    """
    loading: list[str | Path] = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-s",
        _SCRIPT,
        url,
        "--",
        str(count),
    ]
    said = run(loading, timeout_seconds=seconds + 60)
    rate = re.search(r"^Requests/sec:\s*([\d.]+)$", said, re.MULTILINE)
    if rate is None or "Non-2xx" in said or "Socket errors" in said:
        raise AssertionError(f"wrk: {said}; expected requests a second and no errors")
    return float(rate[1])


def _check(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}; expected {expected}")
