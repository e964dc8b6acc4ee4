"""A loopback HTTP server whose every answer is up to the test, and which writes down what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from crfs_dav.demo.exchange import Answer, Request
from crfs_dav.demo.listener import Listener

Script: TypeAlias = Callable[[Request], Answer]


class Scripted:
    """A server at `host`; a context manager."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._listener = Listener(self._serve)

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def host(self) -> str:
        return self._listener.host

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._requests)

    def _serve(self, request: Request) -> Answer:
        with self._lock:
            self._requests.append(request)
        return self.script(request)


def in_turn(*answers: Answer) -> Script:
    """Each of `answers` once, the last one for ever."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def by_path(answers: Mapping[str, Script | Answer]) -> Script:
    """The answer for the path of the request; 404 for others."""

    def script(request: Request) -> Answer:
        found = answers.get(request.path, Answer(404))
        return found if isinstance(found, Answer) else found(request)

    return script


def lines(requests: Sequence[Request]) -> list[str]:
    """Requests as `GET /path`, with the range where there is one."""
    return [" ".join(filter(None, (r.method, r.path, r.headers.get("Range")))) for r in requests]
