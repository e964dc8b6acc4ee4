"""One Zstandard frame (RFC 8878) made of bytes at hand; the work is done outside the GIL, so that threads share it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from crfs_dav.formats.zstdframe import SKIPPABLE_MAGIC

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def zstd_frame(data: bytes | bytearray, level: int) -> bytes:
    """`data` as one frame with a checksum and its size, which makes tables and window no larger than it needs."""
    return zstd.compress(data, options=_options(level))


def zstd_frame_of(pieces: Iterable[bytes | bytearray], level: int) -> bytes:
    """`pieces` as one frame with a checksum; does not tell its content's size, which is not known at the start."""
    stream = zstd.ZstdCompressor(options=_options(level))
    return b"".join([*(stream.compress(piece) for piece in pieces), stream.flush()])


def _options(level: int) -> dict[int, int]:
    return {zstd.CompressionParameter.compression_level: level, zstd.CompressionParameter.checksum_flag: 1}


def skippable(data: bytes) -> bytes:
    """A frame that decoders of the tar pass over."""
    return SKIPPABLE_MAGIC + len(data).to_bytes(4, "little") + data
