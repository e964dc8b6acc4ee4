"""Passes over whole blobs: long work in the background, done once for all who want it, and waited for so long."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar, cast

from crfs_dav.errors import CrfsError, NoRoom, Unavailable

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 20.0  # WebDAV clients give up after about 30
_RETRY_SECONDS = 5.0
_JOBS = 32  # passes under way, or done and not asked for again
_WORKERS = 2

T = TypeVar("T")


class Passes:
    """The passes of this process, two at a time; `patience_seconds` bounds how long anyone waits. For any thread."""

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._jobs: dict[str, Future[object]] = {}
        self._workers = threading.Semaphore(_WORKERS)

    def run(self, key: str, work: Callable[[], T]) -> T:
        """Result of `work()`, done by a thread of its own, once for all who ask at the same time.

        Raises what it raises, and Unavailable where it takes longer than anyone waits: then it goes on, and who asks
        later gets its result.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = self._start(key, work)
        try:
            result = job.result(self._patience_seconds)
        except TimeoutError:
            raise Unavailable(
                f"{key}: being read from its start; expected it to take less than {self._patience_seconds:.0f} s",
                retry_after_seconds=_RETRY_SECONDS,
            ) from None
        finally:
            if job.done():
                self._forget(key, job)
        return cast("T", result)  # a key stands for one kind of work

    def _start(self, key: str, work: Callable[[], object]) -> Future[object]:
        for old in [each for each, job in self._jobs.items() if job.done()] if len(self._jobs) >= _JOBS else ():
            del self._jobs[old]
        if len(self._jobs) >= _JOBS:
            raise Unavailable(f"{key}: {_JOBS} layers being read; expected fewer", retry_after_seconds=_RETRY_SECONDS)
        job: Future[object] = Future()
        threading.Thread(target=self._work, args=(job, work), name=f"pass-{key[7:19]}", daemon=True).start()
        return job

    def _work(self, job: Future[object], work: Callable[[], object]) -> None:
        with self._workers:
            try:
                job.set_result(work())
            except CrfsError as error:
                job.set_exception(error)
            except OSError as error:
                logger.warning("pass: %s; expected a folder to write to", error)
                job.set_exception(NoRoom(f"spool: {os.strerror(error.errno or 0)}; expected room on the disk"))
            except BaseException as error:
                job.set_exception(error)
                raise

    def _forget(self, key: str, job: Future[object]) -> None:
        with self._lock:
            if self._jobs.get(key) is job:
                del self._jobs[key]
