"""The load generator: one kept-alive connection, three workloads, each measured as clients feel it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from statistics import median
from urllib.parse import urlsplit

from tests.support.debian_layers import BIG, BIG_SIZE, MANY

_FILES = [f"{MANY}/{number:04}.txt" for number in range(1000)]
_FILE_SIZE = 1200
_PIECE = 256 * 1024
# davfs2's question, word for word: what a mount asks of every directory.
_QUESTION = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>\n<resourcetype xmlns="DAV:"/>\n'
    b'<getcontentlength xmlns="DAV:"/>\n<getetag xmlns="DAV:"/>\n<getlastmodified xmlns="DAV:"/>\n'
    b'<executable xmlns="http://apache.org/dav/props/"/>\n</prop></propfind>\n'
)


def measure(url: str) -> dict[str, float]:
    """Results of one round against a server that was just started, by workload; the name ends with the unit."""
    load = _Load(url)
    return {
        "PROPFIND of 1,000 entries, first, ms": 1000 * load.list_many(),
        "PROPFIND of 1,000 entries, again, ms": 1000 * median(_times(load.list_many, 10)),
        "1,000 small files, first, files/s": len(_FILES) / load.read_many(_FILES),
        "1,000 small files, again, files/s": len(_FILES) / median(_times(lambda: load.read_many(_FILES), 3)),
        "32 MiB file, first, MB/s": BIG_SIZE / load.read_big() / 1e6,
        "32 MiB file, again, MB/s": BIG_SIZE / median(_times(load.read_big, 3)) / 1e6,
    }


class _Load:
    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = HTTPConnection(address.netloc, timeout=120)
        self._path = address.path

    def list_many(self) -> float:
        """Seconds for one listing of all small files."""
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        started = time.perf_counter()
        self._connection.request("PROPFIND", f"{self._path}/{MANY}/", _QUESTION, headers)
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - started
        count = max(body.count(b"<D:response"), body.count(b"<response"), body.count(b"<ns0:response"))
        _check("listing", (response.status, count), (207, len(_FILES) + 1))
        return seconds

    def read_many(self, paths: Sequence[str]) -> float:
        """Seconds for the small files, one after the other."""
        started = time.perf_counter()
        for path in paths:
            _check(path, self._read(path), _FILE_SIZE)
        return time.perf_counter() - started

    def read_big(self) -> float:
        """Seconds for the file of many chunks."""
        started = time.perf_counter()
        _check(BIG, self._read(BIG), BIG_SIZE)
        return time.perf_counter() - started

    def _read(self, path: str) -> int:
        self._connection.request("GET", f"{self._path}/{path}")
        response = self._connection.getresponse()
        size = 0
        while piece := response.read(_PIECE):
            size += len(piece)
        return size


def _times(work: Callable[[], float], count: int) -> list[float]:
    return [work() for _ in range(count)]


def _check(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}; expected {expected}")
