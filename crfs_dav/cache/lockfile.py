"""A lock that one process holds at a time, if it can have it at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

_ABANDONED_SECONDS = 600.0  # after which a lock that its holder's death does not free is void


def held_lock(path: Path, clock: Callable[[], float]) -> AbstractContextManager[bool]:
    """Whether the lock at `path` is ours inside the `with`; raises OSError where no file can be made."""
    return lock_by_creation(path, clock) if sys.platform == "win32" else lock_by_kernel(path)


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
                yield True
        finally:
            os.close(descriptor)


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
