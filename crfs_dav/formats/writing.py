"""How layers are written: one record of choices. The same choices and the same tar make the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from crfs_dav.formats.gzipwrite import DEFAULT_LEVEL

CHUNK_SIZE = 4 << 20  # bytes; what Go's writer takes, too


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
    level: int = DEFAULT_LEVEL  # of compression: libdeflate's 0 to 12; for zstd 1 to 22
    prioritized: tuple[str, ...] = ()  # paths that come first, before the prefetch landmark
