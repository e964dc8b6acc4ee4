"""How layers are written: one record of choices. The same choices and the same tar make the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from crfs_dav.errors import BadName
from crfs_dav.formats.gzipwrite import DEFAULT_LEVEL, HIGHEST_LEVEL

CHUNK_SIZE = 4 << 20  # bytes; what Go's writer takes, too
LARGEST_CHUNK = 16 << 20  # bytes; readers hold a chunk in memory, and a quarter of what ours takes
_ZSTD_LEVEL = 9


class Format(Enum):
    """What a layer is written as."""

    ESTARGZ = "estargz"  # stargz-snapshotter's, the one that most can read
    STARGZ = "stargz"  # google/crfs's, without digests
    ZSTD_CHUNKED = "zstd:chunked"  # containers/storage's


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a layer is written."""

    format: Format = Format.ESTARGZ
    chunk_size: int = CHUNK_SIZE  # bytes of content; a larger file is cut
    min_chunk_size: int = 0  # bytes of content; smaller files share a member (TOC key innerOffset)
    level: int | None = None  # of compression: libdeflate's 0 to 12, zstd's 1 to 22; None: the format's usual one
    prioritized: tuple[str, ...] = ()  # paths that come first, before the prefetch landmark

    def __post_init__(self) -> None:
        """Raise BadName for what the format, or readers, cannot take."""
        lowest, highest = (1, 22) if self.format is Format.ZSTD_CHUNKED else (0, HIGHEST_LEVEL)
        if self.level is not None and not lowest <= self.level <= highest:
            raise BadName(f"level: {self.level}; expected {lowest} to {highest} for {self.format.value}")
        if not 1 <= self.chunk_size <= LARGEST_CHUNK:
            raise BadName(f"chunk size: {self.chunk_size}; expected 1 to {LARGEST_CHUNK} bytes")
        if not 0 <= self.min_chunk_size <= LARGEST_CHUNK:
            raise BadName(f"min chunk size: {self.min_chunk_size}; expected 0 to {LARGEST_CHUNK} bytes")
        if self.min_chunk_size and self.format is Format.STARGZ:
            raise BadName("min chunk size: with stargz, which has no innerOffset; expected eStargz or zstd:chunked")

    @property
    def packing_level(self) -> int:
        """The level that is meant."""
        if self.level is not None:
            return self.level
        return _ZSTD_LEVEL if self.format is Format.ZSTD_CHUNKED else DEFAULT_LEVEL
