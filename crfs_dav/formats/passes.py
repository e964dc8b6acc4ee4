"""Passes over whole blobs: long work in the background, done once for all who want it, and waited for so long."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar, cast

from crfs_dav.errors import CrfsError, NoRoom, Unavailable
from crfs_dav.formats.progress import Progress
from crfs_dav.patience import patience_seconds

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 20.0  # WebDAV clients give up after about 30
_RETRY_SECONDS = 5.0
_JOBS = 32  # passes under way, or done and not asked for again
_WORKERS = 2

T = TypeVar("T")
_Job = tuple[Future[object], Progress]


class Passes:
    """The passes of this process, two at a time; nobody waits longer than `patience_seconds`. For any thread."""

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._workers = threading.Semaphore(_WORKERS)

    def run(self, key: str, work: Callable[[], T], progress: Progress | None = None) -> T:
        """Result of `work()`, done by a thread of its own, once for all who ask at the same time.

        Raises what it raises, and Underway where it takes longer than anyone waits: then it goes on, and who asks
        later gets its result. `progress` is what `work` tells how far it is.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = self._start(key, work, progress or Progress())
        future, progress = job
        try:
            result = future.result(min(self._patience_seconds, patience_seconds()))
        except TimeoutError:
            raise progress.underway(key) from None
        finally:
            if future.done():
                self._forget(key, job)
        return cast("T", result)  # a key stands for one kind of work

    def _start(self, key: str, work: Callable[[], object], progress: Progress) -> _Job:
        for old in (
            [each for each, (future, _) in self._jobs.items() if future.done()] if len(self._jobs) >= _JOBS else ()
        ):
            del self._jobs[old]
        if len(self._jobs) >= _JOBS:
            raise Unavailable(f"{key}: {_JOBS} layers being read; expected fewer", retry_after_seconds=_RETRY_SECONDS)
        future: Future[object] = Future()
        job = (future, progress)
        threading.Thread(target=self._work, args=(job, work), name=f"pass-{key[-12:]}", daemon=True).start()
        return job

    def _work(self, job: _Job, work: Callable[[], object]) -> None:
        future, progress = job
        with self._workers:
            progress.begin()
            try:
                future.set_result(work())
            except CrfsError as error:
                future.set_exception(error)
            except OSError as error:
                logger.warning("pass: %s; expected a folder to write to", error)
                future.set_exception(NoRoom(f"spool: {os.strerror(error.errno or 0)}; expected room on the disk"))
            except BaseException as error:
                future.set_exception(error)
                raise

    def _forget(self, key: str, job: _Job) -> None:
        with self._lock:
            if self._jobs.get(key) is job:
                del self._jobs[key]
