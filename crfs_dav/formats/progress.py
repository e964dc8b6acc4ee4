"""How far the pass over a blob is, and the names that it came by: told by who reads, for those who wait.

Nothing of it is verified before the pass is over, and more may follow. So it is for people to look at; no listing is
made of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec

from crfs_dav.errors import Underway
from crfs_dav.formats.limits import MIB

_REPORT_SECONDS = 0.5  # between two reports
_REPORT_NAMES = 32  # at most, in one report: 800 kB of JSON where all are long and odd
_NAMES_LIMIT = 50_000  # names that are remembered of a blob, implied directories among them
_NAMES_SIZE = 4 * MIB  # and their bytes
_RETRY_SECONDS = 1.0, 5.0, 30.0  # at least, where nothing is known, at most


def to_nobody(_told: object) -> None:
    """Nobody wants to hear."""


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Entries so far, and the names of those since the last report, of directories with a slash."""

    entries: int
    names: list[str]


class Reporter:
    """Inside its `with`, hands the names that `add` hears to `send` every half second, in a thread of its own."""

    def __init__(self, send: Callable[[Report], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._entries = 0
        self._names: list[bytes] = []
        self._size_left = _NAMES_SIZE

    def __enter__(self) -> Callable[[bytes], None]:
        """What is to hear the name of each entry."""
        self._thread.start()
        return self._add

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _add(self, name: bytes) -> None:
        with self._lock:
            self._entries += 1
            if self._size_left > 0:
                self._names.append(name)
                self._size_left -= len(name)

    def _run(self) -> None:
        with suppress(OSError):  # nobody listens any more
            while not self._ended.wait(_REPORT_SECONDS):
                with self._lock:
                    entries, names = self._entries, self._names
                    self._names = []
                for start in range(0, len(names) or 1, _REPORT_NAMES):
                    texts = [name.decode("utf-8", "replace") for name in names[start : start + _REPORT_NAMES]]
                    self._send(Report(entries, texts))


class Progress:
    """One pass over a blob; for any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = "waiting for its turn to be read"
        self._started = 0.0
        self._size = self._received = self._entries = 0
        self._directories: dict[str, dict[str, None]] = {}
        self._names_left, self._size_left = _NAMES_LIMIT, _NAMES_SIZE

    def wait_for_others(self) -> None:
        """Another process may have begun it before."""
        self._state = "being read by another process"

    def begin(self) -> None:
        """It is our turn."""
        self._state = "being read from its start"

    def counted(self, pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
        """`pieces`, `size` bytes in all, counted as they are taken."""
        self._size, self._started = size, self._clock()
        for piece in pieces:
            self._received += len(piece)
            yield piece

    def add(self, report: Report) -> None:
        """Take in what the reader tells."""
        with self._lock:
            self._entries = report.entries
            for name in report.names:
                self._remember(name)

    def underway(self, subject: str) -> Underway:
        """The error for those who cannot wait any longer."""
        return Underway(subject, str(self), retry_after_seconds=self._seconds_left(), names_in=self.names_in)

    def names_in(self, path: Sequence[str]) -> Sequence[str]:
        """Names seen so far in the directory at `path`, of directories with a slash, in order."""
        with self._lock:
            return sorted(self._directories.get("/".join(path), ()))

    def __str__(self) -> str:
        if not self._size:
            return self._state
        return f"being read, {self._received >> 20} of {self._size >> 20} MiB, {self._entries:,} entries so far"

    def _seconds_left(self) -> float:
        least, unknown, most = _RETRY_SECONDS
        if not self._received:
            return unknown
        seconds = (self._clock() - self._started) * (self._size / self._received - 1)
        return min(max(seconds, least), most)

    def _remember(self, name: str) -> None:
        """Put `name` into its directory, and that into its own, up to one that is known."""
        components = [component for component in name.split("/") if component not in ("", ".")]
        mark = "/" if name.endswith("/") else ""
        while components and ".." not in components and self._names_left and self._size_left > 0:
            base = components.pop() + mark
            directory = "/".join(components)
            names = self._directories.get(directory)
            if names is None:
                names = self._directories[directory] = {}
            elif base in names:
                return
            names[base] = None
            self._names_left -= 1
            self._size_left -= len(base) + len(directory)
            mark = "/"
