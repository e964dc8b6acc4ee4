"""A `ByteStore` on disk that any number of processes share. For any thread.

One file a key, `<algorithm>-<hex>/<rest>`, written under another name and renamed. No fsync: a file that a crash tore,
or that anything else changed, does not pass its check, reads as a miss, and is removed.

    "CRFSKEP2"                  8 bytes, format and its version
    CRC-32 of key, NUL, value   4 bytes, little-endian
    value                       the rest

The check finds what a disk or a crash did. Against people the folder is the guard: it is its owner's alone; and what a
format has digests for is held against them when it is unpacked.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from crfs_dav.cache.eviction import Eviction, stored_size
from crfs_dav.cache.privatefile import write_private

try:
    from zlib_ng import zlib_ng
except ImportError:  # pragma: no cover - depends on the platform
    _engine: Any = zlib
else:
    _engine = zlib_ng  # CRC-32 of 26 GB/s, ten times zlib's

_MAGIC = b"CRFSKEP2"
_HEADER_SIZE = len(_MAGIC) + 4
_KEY = re.compile(r"([a-z0-9]{1,32}):([0-9a-f]{64,128})/([a-z0-9][a-z0-9.-]{0,99})")
_VALUE_FRACTION = 8  # a value above max_bytes / 8 is not kept: it would push out too many others
_VALUE_LIMIT = 256 << 20  # bytes; nobody keeps more, so nobody reads more
_TOUCH_SECONDS = 60.0  # how exactly the least recently used is known

_log = logging.getLogger(__name__)


class DiskStore:
    """At most `max_bytes` of files in `directory`, over all processes (see `eviction` for what that leaves open).

    A disk that is full, read-only or forbidden makes it forget, and is logged once.
    """

    def __init__(self, directory: Path, max_bytes: int, *, clock: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._value_limit = min(max_bytes // _VALUE_FRACTION, _VALUE_LIMIT)
        self._clock = clock
        self._eviction = Eviction(directory, max_bytes, clock=clock)
        self._complained = threading.Event()

    def get(self, key: str) -> bytes | None:
        """Bytes kept under `key`, checked, or None."""
        path = self._path(key)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                stored = file.read(_HEADER_SIZE + _VALUE_LIMIT + 1)
                used = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None
        data = stored[_HEADER_SIZE:]
        if stored[:_HEADER_SIZE] != _header(key, data):
            _log.warning("cache: %s is broken; expected the value that was kept", path)
            self._remove(path)
            return None
        if abs(self._clock() - used) > _TOUCH_SECONDS:
            self._touch(path)
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, unless it is large for this store, or the disk does not take it."""
        path = self._path(key)
        if path is None or len(data) > self._value_limit:
            return
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._eviction.make_room(stored_size(_HEADER_SIZE + len(data)))
            try:
                write_private(path, (_header(key, data), data))
            except FileNotFoundError:  # another process found the folder empty, and removed it
                write_private(path, (_header(key, data), data))
        except OSError as error:
            self._complain(error)

    def discard(self, key: str) -> None:
        """Forget `key`, if it is known."""
        path = self._path(key)
        if path is not None:
            self._remove(path)

    def keys(self, digest: str) -> Iterable[str]:
        """Keys now kept that begin with `<digest>/`; their values are checked when asked for."""
        folder = self._directory / digest.replace(":", "-")
        if _KEY.fullmatch(f"{digest}/0") is None:
            return ()
        try:
            names = os.listdir(folder)  # noqa: PTH208 - names only: a Path each costs ten times as much
        except FileNotFoundError:
            return ()
        except OSError as error:
            self._complain(error)
            return ()
        keys = (f"{digest}/{name}" for name in names)
        return tuple(key for key in keys if _KEY.fullmatch(key))

    def _path(self, key: str) -> Path | None:
        """File of `key`, always two levels below the directory; None for what is no key."""
        match = _KEY.fullmatch(key)
        return None if match is None else self._directory / f"{match[1]}-{match[2]}" / match[3]

    def _touch(self, path: Path) -> None:
        try:
            os.utime(path, (self._clock(), self._clock()))
        except FileNotFoundError:
            return
        except OSError as error:
            self._complain(error)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._complained.is_set():
            self._complained.set()
            _log.warning("cache: %s; expected a folder to keep bytes in, going on without where it fails", error)


def _header(key: str, data: bytes) -> bytes:
    check: int = _engine.crc32(data, _engine.crc32(key.encode() + b"\0"))
    return _MAGIC + check.to_bytes(4, "little")
