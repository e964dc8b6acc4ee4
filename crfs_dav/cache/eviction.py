"""Keeps a folder of files within its bytes, and those that nobody uses not for ever: the least recently used go first.

Touches nothing but folders named like a digest, lest somebody point it at their home. Nothing is shared between
processes but the folder: each counts what it writes, and looks at the whole folder again after a sixteenth of the
limit, so P processes may exceed it by P - 1 sixteenths for a while. One process evicts at a time. For any thread.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import inf
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from crfs_dav.lockfile import held_lock

_SLICES = 16
_BLOCK = 4096  # bytes; what a file takes on most disks is a multiple of it
_DRAFT = ".tmp"  # how the names of files end that are being written
_LEFTOVER_SECONDS = 3600.0  # after which such a file has lost its writer
_LOOK_SECONDS = 3600.0  # between two looks for files that are too old

_FOLDER = re.compile("[a-z0-9]{1,32}-[0-9a-f]{64,128}")

_log = logging.getLogger(__name__)


class KeptFile(NamedTuple):
    """One file of the folder."""

    path: str
    size: int
    used: float


class Eviction:
    """The account of one process, and the broom. Files that nobody used for `max_age_seconds` go, room or not."""

    def __init__(
        self, directory: Path, max_bytes: int, *, clock: Callable[[], float], max_age_seconds: float = inf
    ) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._slice = max_bytes // _SLICES
        self._high = max_bytes - self._slice
        self._low = max_bytes - 3 * self._slice
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._until_scan = 0  # bytes that may be written before the next look
        self._look_at = inf if max_age_seconds == inf else -inf

    def make_room(self, size: int) -> bool:
        """Take `size` bytes into account that are about to be written, and remove files if they are too many.

        False where they remain too many: others are writing, and what is being written stays.
        """
        with self._lock:
            self._until_scan -= size
            if self._until_scan >= 0 and self._clock() < self._look_at:
                return True
            self._until_scan = self._slice  # only this thread sweeps, the others go on
            if self._look_at < inf:
                self._look_at = self._clock() + _LOOK_SECONDS
        with held_lock(self._directory / ".lock", self._clock) as held:
            return self._sweep(size) if held else True

    def _sweep(self, size: int) -> bool:
        files = [file for file in _files_below(self._directory) if not self._is_outdated(file)]
        total = sum(file.size for file in files) + size
        if total > self._high:
            total = self._evict(files, total)
        self._remove_empty_folders()
        return total <= self._max_bytes

    def _evict(self, files: list[KeptFile], total: int) -> int:
        """Bytes that are left of `total`."""
        for file in sorted(files, key=attrgetter("used")):
            if total <= self._low:
                break
            if not file.path.endswith(_DRAFT) and _removed(file.path):
                total -= file.size
        return total

    def _is_outdated(self, file: KeptFile) -> bool:
        """True, and the file removed, if its writer died before the rename, or nobody has used it for long."""
        allowed = _LEFTOVER_SECONDS if file.path.endswith(_DRAFT) else self._max_age_seconds
        return abs(self._clock() - file.used) > allowed and _removed(file.path)

    def _remove_empty_folders(self) -> None:
        for folder in _folders_in(self._directory):
            with suppress(OSError):  # not empty, or in use
                os.rmdir(folder)  # noqa: PTH106 - a string is at hand, a Path is slow to make


def stored_size(size: int) -> int:
    """Bytes that a file of `size` bytes takes on disk."""
    return -(-size // _BLOCK) * _BLOCK


def _files_below(directory: Path) -> Iterator[KeptFile]:
    for folder in _folders_in(directory):
        yield from _files_in(folder)


def _folders_in(directory: Path) -> list[str]:
    with os.scandir(directory) as entries:
        return [
            entry.path for entry in entries if _FOLDER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]


def _files_in(folder: str) -> Iterator[KeptFile]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                yield KeptFile(entry.path, stored_size(status.st_size), status.st_mtime)
    except FileNotFoundError:  # another process removed it just now
        return


def _removed(path: str) -> bool:
    try:
        os.unlink(path)  # noqa: PTH108 - as above
    except FileNotFoundError:
        return True
    except OSError as error:
        _log.debug("cache: %s; expected to remove it", error)
        return False
    return True
