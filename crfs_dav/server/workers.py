"""Several processes that serve one listening socket; the one that starts them serves nothing, and outlives them.

Each is spawned, not forked: the parent has threads (the demo's registry). They take connections off one queue, so that
who is idle gets the next. A worker that ends is started again; all end with the parent, also where that is killed.
Not for Windows, where sockets cannot be handed on like this.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Self

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0  # between a worker's end and the next one's start
_GRACE_SECONDS = 1.5  # for all of them to end by themselves


class Workers:
    """`count` processes that run `target(*arguments)`; a context manager that ends them. For the main thread."""

    def __init__(self, count: int, target: Callable[..., None], *arguments: Any) -> None:
        self._count = count
        self._target = target
        self._arguments = arguments
        self._processes: list[SpawnProcess] = []

    def __enter__(self) -> Self:
        self._processes = [self._started() for _ in range(self._count)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def keep(self, is_wanted: Callable[[float], bool]) -> None:
        """Start each worker that ends again, until `is_wanted`, which waits for the seconds it is told, says no."""
        while is_wanted(_PAUSE_SECONDS):
            for number, process in enumerate(self._processes):
                if process.exitcode is not None:
                    _log.error("worker %d ended with %d; starting another", process.pid, process.exitcode)
                    process.close()
                    self._processes[number] = self._started()

    def stop(self) -> None:
        """End all workers, those that will not by force."""
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.join()
        self._processes = []

    def _started(self) -> SpawnProcess:
        process = get_context("spawn").Process(target=_work, args=(self._target, self._arguments))
        with _deaf_to_interrupts():
            process.start()
        return process


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C at a terminal goes to every process: it is the parent's to hear, and its children inherit this."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, name="watch-parent", daemon=True).start()
    target(*arguments)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
