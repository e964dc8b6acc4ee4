"""A network between two programs of this machine: a TCP proxy that adds round-trip time and bounds the bandwidth.

The bandwidth is that of the link, each way, whatever the number of connections; these take turns. A new connection
costs one round trip before its first byte. There is no loss and no slow start, and 6 MiB of a connection may be under
way. It runs in a process of its own (`proxy`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.support.wire import Speed

__all__ = ["Link", "Passed", "Request", "Speed", "link"]

_ROOT = Path(__file__).parents[2]
_PROGRAM = (sys.executable, "-m", "tests.support.proxy")


class Request(NamedTuple):
    """When a request was sent, and when the last byte of its answer arrived; seconds of the monotonic clock."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Passed:
    """What went over a link; bytes and requests of HTTP/1.1, and what the simulation itself cost."""

    connections: int
    bytes_up: int
    bytes_down: int
    requests: tuple[Request, ...]
    processor_seconds: float

    @property
    def depth(self) -> int:
        """How many requests at most came one after the other, each sent after the last was answered."""
        return depth(self.requests)


def depth(requests: Sequence[Request]) -> int:
    """Length of the longest chain of `requests` that do not overlap."""
    length, end = 0, 0.0
    for request in sorted(requests, key=lambda request: request.end):
        if request.start >= end:
            length, end = length + 1, request.end
    return length


class Link:
    """A running link; `host` (`host:port`) is its near end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.host = self._hear()

    @property
    def passed(self) -> Passed:
        """What passed so far."""
        return self._ask("counts")

    @property
    def requests(self) -> int:
        """Requests that went up so far."""
        return len(self.passed.requests)

    @property
    def bytes_down(self) -> int:
        """Bytes that came down so far."""
        return self.passed.bytes_down

    def reset(self) -> None:
        """Count from zero again."""
        self._ask("reset")

    def _ask(self, word: str) -> Passed:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)
        said = json.loads(self._hear())
        return Passed(**{**said, "requests": tuple(Request(*each) for each in said["requests"])})

    def _hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"link: ended with {self._process.wait(10)}; expected a line")
        return line.strip()


@contextmanager
def link(target: str, speed: Speed) -> Iterator[Link]:
    """A link to the server at `target` (`host:port`)."""
    command = [*_PROGRAM, target, str(speed.round_trip_seconds), str(speed.bits_per_second)]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Link(process)
        finally:
            process.terminate()
