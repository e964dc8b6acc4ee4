"""One thing that reads bytes of strangers, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from crfs_dav.archive import Archive
from crfs_dav.formats.limits import MIB, Limits

LIMITS = Limits(toc_inflated=MIB, entries=10_000, chunk=MIB, content=4 * MIB)
_READ = 4096  # bytes


@dataclass(frozen=True)
class Target:
    """Bytes from `make`, given to `read`."""

    make: Callable[[Random], bytes]
    read: Callable[[bytes], object]


def read_archive(archive: Archive | None) -> None:
    """Read of each file its beginning, its end, what lies beyond, and something between."""
    for position, entry in enumerate(archive.entries if archive else ()):
        if entry.size:
            reader = archive.open(position)  # type: ignore[union-attr]
            for offset in (0, max(0, reader.size - 3), reader.size, 1 << 62, reader.size // 2):
                assert len(reader.read_at(offset, _READ)) == max(0, min(_READ, reader.size - offset))
