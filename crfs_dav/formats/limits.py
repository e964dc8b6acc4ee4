"""What an archive may cost: one record of limits, given to whoever reads bytes that others made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crfs_dav.errors import OverLimit

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, far above what honest layers hold (the largest TOCs seen have some hundred thousand entries)."""

    toc_compressed: int = 64 * MIB  # bytes
    toc_inflated: int = 512 * MIB  # bytes
    content: int = 64 << 30  # bytes of a tar that has to be read through
    verified_tar: int = 16 * MIB  # bytes of a tar that is not packed; a larger one is read by ranges, unverified
    entries: int = 2_000_000  # entries of a TOC, chunks among them, or of a tar
    image_entries: int = 5_000_000  # entries of all layers of an image
    text_in_all: int = 256 * MIB  # bytes of names and link names of a layer
    name: int = 4096  # bytes of one name or link name (Linux PATH_MAX)
    component: int = 255  # bytes of one component (Linux NAME_MAX)
    depth: int = 200  # components of one name
    xattrs: int = 64 << 10  # bytes of the extended attributes of one entry
    xattrs_in_all: int = 64 * MIB  # bytes of different sets of extended attributes of a layer
    chunks: int = 1_000_000  # chunks of one file
    chunk: int = 64 * MIB  # bytes of one chunk, and how deep in its member it may end
    zstd_window_log: int = 27  # binary logarithm of the bytes that a zstd frame may ask to be kept in memory
    repairs: int = 100_000  # names with U+FFFD that are looked at
    repair_reads: int = 16  # ranges read for repairing names of a layer
    repair_range: int = 8 * MIB  # bytes of one such range
    repair_member: int = 16 * MIB  # bytes inflated of one member while looking for headers


DEFAULT_LIMITS = Limits()


def bounded(pieces: Iterator[bytes], limit: int, what: str) -> Iterator[bytes]:
    """`pieces`; raises OverLimit, which names `what` they are, as soon as they are more than `limit` bytes."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise OverLimit(f"{what}: more than {limit} bytes; expected fewer")
        yield piece
