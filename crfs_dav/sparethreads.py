"""Threads for work that nobody asked for yet: a fixed number at once, no queue; what finds none is not done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from crfs_dav.errors import CrfsError

_log = logging.getLogger(__name__)


class SpareThreads:
    """At most `count` tasks at the same time, in threads called `name`; so what they hold is bounded."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._free = threading.BoundedSemaphore(count)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    def start(self, task: Callable[[], object]) -> bool:
        """True if `task` is under way; its CrfsError is for those who then ask for what it should have brought."""
        if not self._free.acquire(blocking=False):
            return False
        try:
            self._pool.submit(self._run, task)
        except RuntimeError:  # closed
            self._free.release()
            return False
        return True

    def wait(self) -> None:
        """Until nothing is under way."""
        for _ in range(self._count):
            self._free.acquire()
        self._free.release(self._count)

    def close(self) -> None:
        """Start nothing more; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, task: Callable[[], object]) -> None:
        try:
            task()
        except CrfsError as error:
            _log.debug("ahead of time: %s", error)
        finally:
            self._free.release()
