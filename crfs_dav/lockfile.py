"""A lock that one process holds at a time: if it can have it at once, or after a while of waiting."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from crfs_dav.errors import Unavailable

_PATIENCE_SECONDS = 30.0
_STEP_SECONDS = 0.02
_ABANDONED_SECONDS = 600.0  # after which a lock that its holder's death does not free is void


def held_lock(path: Path, clock: Callable[[], float]) -> AbstractContextManager[bool]:
    """Whether the lock at `path` is ours inside the `with`; raises OSError where no file can be made."""
    return lock_by_creation(path, clock) if sys.platform == "win32" else lock_by_kernel(path)


@contextmanager
def awaited_lock(path: Path, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Have the lock at `path` inside the `with`, and leave no file; raises Unavailable where nobody lets it go."""
    end = time.monotonic() + patience_seconds
    while True:
        with held_lock(path, time.time) as is_ours:
            if is_ours:
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)  # while it is ours: who waits with the file open finds it gone
                return
        if time.monotonic() > end:
            raise Unavailable(f"{path}: held by another for {patience_seconds:.0f} s; expected it to be let go")
        time.sleep(_STEP_SECONDS)


if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_NB, flock

    @contextmanager
    def lock_by_kernel(path: Path) -> Iterator[bool]:
        """The same with flock(2): a process that dies lets it go."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield _is_at(descriptor, path)
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """False if the file that is open has been removed, and so locks nothing."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def lock_by_creation(path: Path, clock: Callable[[], float]) -> Iterator[bool]:
    """The same where there is no flock: a file that only one can create, and that is void when old."""
    with suppress(FileNotFoundError):
        if abs(clock() - path.stat().st_mtime) > _ABANDONED_SECONDS:
            path.unlink(missing_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        yield False
        return
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)
