"""A client that reads a whole tree as fast as it is served: eight connections, no pause, nothing written."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlsplit

_CONNECTIONS = 8
_BUFFER = 1 << 20
_HREF = re.compile(rb"<D:href>([^<]+)</D:href>")


class Walked(NamedTuple):
    """What was read, and how long that took."""

    seconds: float
    directories: int
    files: int
    bytes: int


class Walk:
    """One reading of all that is below `url`; for one use."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host = address.netloc
        self._changed = threading.Condition()  # over all that follows
        self._waiting = deque([f"{address.path.rstrip('/')}/"])
        self._busy = 0
        self._directories = self._files = self._bytes = 0
        self._failure: Exception | None = None

    def run(self) -> Walked:
        """Read everything; raises what cannot be read."""
        started = time.perf_counter()
        threads = [threading.Thread(target=self._work) for _ in range(_CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure
        return Walked(time.perf_counter() - started, self._directories, self._files, self._bytes)

    def _work(self) -> None:
        connection = HTTPConnection(self._host, timeout=300)
        while (path := self._take()) is not None:
            try:
                self._note(_listing(connection, path) if path.endswith("/") else _read(connection, path))
            except Exception as error:
                self._fail(error)
        connection.close()

    def _take(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._busy)
            if not self._waiting:
                return None
            self._busy += 1
            return self._waiting.popleft()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._busy -= 1
            self._failure = error
            self._waiting.clear()
            self._changed.notify_all()

    def _note(self, found: list[str] | int) -> None:
        with self._changed:
            self._busy -= 1
            if isinstance(found, int):
                self._files, self._bytes = self._files + 1, self._bytes + found
            else:
                self._directories += 1
                self._waiting += found
            self._changed.notify_all()


def _listing(connection: HTTPConnection, path: str) -> list[str]:
    connection.request("PROPFIND", path, headers={"Depth": "1"})
    response = connection.getresponse()
    body = response.read()
    assert response.status == 207, f"{path}: {response.status}; expected 207"
    return [href.decode() for href in _HREF.findall(body)[1:]]


def _read(connection: HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    response = connection.getresponse()
    size = 0
    while piece := response.read(_BUFFER):
        size += len(piece)
    assert response.status == 200, f"{path}: {response.status}; expected 200"
    return size
