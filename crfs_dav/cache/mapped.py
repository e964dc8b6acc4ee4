"""Files that are used where they lie: mapped into memory, and so shared by all processes through the page cache.

Large ones are read instead, by those who open them: a mapped file that something cuts short ends the process.

One file a key, `<algorithm>-<hex>/<rest>`, written under another name and renamed, and never changed after that. What
is in a file is its reader's to check. For any thread; any number of processes share the folder.
"""

from __future__ import annotations

import logging
import mmap
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path
from typing import BinaryIO

from crfs_dav.cache.eviction import Eviction, stored_size
from crfs_dav.cache.privatefile import write_private
from crfs_dav.lockfile import held_lock

_KEY = re.compile(r"([a-z0-9]{1,32}):([0-9a-f]{64,128})/([a-z0-9][a-z0-9.-]{0,199})")
_TOUCH_SECONDS = 60.0  # how exactly the least recently used is known

_log = logging.getLogger(__name__)


class MappedFiles:
    """At most `max_bytes` of files in `directory`, none unused for `max_age_seconds`.

    A file that is removed stays readable for those who have it. A disk that is full, read-only or forbidden makes it
    forget, and is logged once.
    """

    def __init__(
        self,
        directory: Path,
        max_bytes: int,
        *,
        max_age_seconds: float = inf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self.max_bytes = max_bytes
        self._clock = clock
        self._eviction = Eviction(directory, max_bytes, clock=clock, max_age_seconds=max_age_seconds)
        self._complained = threading.Event()

    def get(self, key: str) -> memoryview | None:
        """The file kept under `key`, unchecked, or None. It costs nothing until it is looked at."""
        file = self.open(key)
        if file is None:
            return None
        try:
            with file:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as error:  # ValueError: an empty file
            self._complain(error)
            return None

    def open(self, key: str) -> BinaryIO | None:
        """The file kept under `key`, unchecked, to be read, or None."""
        path = self._path(key)
        if path is None:
            return None
        self.make_room(0)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None
        self.is_kept(key, file)
        return file

    def is_kept(self, key: str, file: BinaryIO) -> bool:
        """Whether `file`, which `open` gave for `key`, has not been removed; it counts as used just now."""
        path, status = self._path(key), os.fstat(file.fileno())
        if path is None or status.st_nlink == 0:
            return False
        if abs(self._clock() - status.st_mtime) > _TOUCH_SECONDS:
            try:
                os.utime(path, (self._clock(), self._clock()))
            except FileNotFoundError:
                return False
            except OSError as error:
                self._complain(error)
        return True

    def make_room(self, size: int) -> bool:
        """Remove what is too old, or too much once a draft has grown by `size` bytes; False where it must not grow."""
        try:
            return self._eviction.make_room(size)
        except FileNotFoundError:  # no folder, nothing in it
            return True
        except OSError as error:
            self._complain(error)
            return True

    def put(self, key: str, pieces: Sequence[bytes | memoryview]) -> None:
        """Keep `pieces` as one file under `key`, unless it is too large, or the disk does not take it."""
        path, size = self._path(key), sum(map(len, pieces))
        if path is None or size > self.max_bytes:
            return
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._eviction.make_room(stored_size(size))
            try:
                write_private(path, pieces)
            except FileNotFoundError:  # another process found the folder empty, and removed it
                write_private(path, pieces)
        except OSError as error:
            self._complain(error)

    def discard(self, key: str) -> None:
        """Forget `key`, if it is known."""
        path = self._path(key)
        if path is not None:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._complain(error)

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Whether `key` is ours to make inside the `with`; it is where there is no folder to say so in."""
        with ExitStack() as stack:
            is_ours = True
            try:
                folder = self._folder(key)
                if folder is not None:
                    lock = folder / f".{key.rpartition('/')[2]}.lock"
                    is_ours = stack.enter_context(held_lock(lock, self._clock))
                    if is_ours:
                        stack.callback(_remove, lock)  # while it is still held; who opened it before then looks again
            except OSError as error:
                self._complain(error)
            yield is_ours

    def draft(self, key: str) -> Path | None:
        """Where another process may write what `adopt` is then to keep; swept away if nobody does."""
        try:
            folder = self._folder(key)
        except OSError as error:
            self._complain(error)
            return None
        return None if folder is None else folder / f".{os.getpid()}-{secrets.token_hex(8)}.tmp"

    def adopt(self, key: str, draft: Path) -> memoryview:
        """The file at `draft`, moved under `key`; where that cannot be, its bytes. Raises OSError without a file."""
        path, where, size = self._path(key), draft, draft.stat().st_size
        if path is not None and size <= self.max_bytes:
            try:
                self._eviction.make_room(stored_size(size))
                where = draft.replace(path)
            except OSError as error:
                self._complain(error)
        kept = self.get(key) if where == path else None
        return memoryview(where.read_bytes()) if kept is None else kept

    def move(self, key: str, draft: Path) -> None:
        """Have the file at `draft` under `key`, whose bytes `make_room` was told of; raises OSError."""
        path = self._path(key)
        if path is not None:
            draft.replace(path)

    def _folder(self, key: str) -> Path | None:
        """Folder of `key`, made if it is not there."""
        path = self._path(key)
        if path is None:
            return None
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return path.parent

    def _path(self, key: str) -> Path | None:
        match = _KEY.fullmatch(key)
        return None if match is None else self._directory / f"{match[1]}-{match[2]}" / match[3]

    def _complain(self, error: Exception) -> None:
        if not self._complained.is_set():
            self._complained.set()
            _log.warning("cache: %s; expected a folder to keep files in, going on without where it fails", error)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
