"""One gzip member (RFC 1952) inflated: in small pieces, of which nothing here holds more than one; or whole.

64 KiB pieces beat one big call of the same library by a third (no page faults, warm cache for the hash that follows),
and bound what a bomb can do. zlib-ng takes about 55 % of the time of zlib, libdeflate, which knows no pieces, 55 % of
zlib-ng's; where they have no wheel, zlib does the same work.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from crfs_dav.errors import Corrupt

try:
    from zlib_ng import zlib_ng
except ImportError:  # pragma: no cover - depends on the platform
    engine: Any = zlib
else:
    engine = zlib_ng
libdeflate: Any
try:
    import deflate as libdeflate
except ImportError:  # pragma: no cover - depends on the platform
    libdeflate = None

MAGIC = b"\x1f\x8b\x08"
PIECE = 64 << 10  # bytes, of input and of output
_SIZE_FIELD = 4  # bytes at the end that say how much content there is
GZIP_WBITS = 31  # 16 asks for the gzip header and checks the trailer's CRC, 15 is the largest window


def cut(data: bytes | memoryview) -> Iterator[memoryview]:
    """`data` in pieces of at most 64 KiB: a decoder copies what it leaves over, so give it little at a time."""
    view = memoryview(data)
    for start in range(0, len(view), PIECE):
        yield view[start : start + PIECE]


def inflate(compressed: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Content of the gzip member that `compressed` begins with, in pieces of at most 64 KiB, never empty.

    Ends after the member's end, whose CRC has then been checked; a caller that stops earlier goes without that
    check. Raises Corrupt for bad data and where `compressed` ends before the member.
    """
    decoder = engine.decompressobj(GZIP_WBITS)
    for data in compressed:
        yield from inflate_piece(decoder, data)
        if decoder.eof:
            return
    raise Corrupt("gzip member: no end; expected a whole member")


def inflate_piece(decoder: Any, data: bytes | memoryview) -> Iterator[bytes]:
    """Content that `data` adds to what `decoder` was fed, in pieces of at most 64 KiB, never empty; raises Corrupt."""
    while True:
        try:
            piece = decoder.decompress(data, PIECE)
        except engine.error as error:
            raise Corrupt(f"gzip member: {error}; expected deflate data and its CRC") from None
        if piece:
            yield piece
        data = decoder.unconsumed_tail
        if decoder.eof or not data:  # output still inside the decoder comes with the next input: 8 bytes end a member
            return


def inflate_whole(data: memoryview, limit: int) -> memoryview | None:
    """Content of `data`, its CRC checked, where that is one member with at most `limit` bytes of content.

    None where it is not, and where libdeflate is not installed: `inflate` reads all there is, and says what is wrong.
    """
    size = int.from_bytes(data[-_SIZE_FIELD:], "little")
    if libdeflate is None or not 0 < size <= limit:
        return None
    try:
        return memoryview(libdeflate.gzip_decompress(data, size))
    except libdeflate.DeflateError:
        return None


class MemberDecoder:
    """Gzip members one after another, and zeros after the last, as tape drives leave them. For one thread, one use."""

    def __init__(self) -> None:
        self._engine: Any = None  # None between members
        self._is_first = True

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Content that `data` adds, in pieces of at most 64 KiB; raises Corrupt for bad data and a wrong CRC."""
        while data:
            if self._engine is None:
                data = data if self._is_first else bytes(data).lstrip(b"\0")
                if not data:
                    return
                self._engine, self._is_first = engine.decompressobj(GZIP_WBITS), False
            yield from inflate_piece(self._engine, data)
            if not self._engine.eof:
                return
            data, self._engine = self._engine.unused_data, None

    def finish(self) -> None:
        """Nothing; raises Corrupt within a member."""
        if self._engine is not None or self._is_first:
            raise Corrupt("gzip member: no end; expected a whole member")


def prefix(pieces: Iterator[bytes], size: int) -> bytes:
    """The first `size` bytes of `pieces`, or all there is."""
    found: list[bytes] = []
    missing = size
    for piece in pieces:
        found.append(piece[:missing])
        missing -= len(found[-1])
        if not missing:
            break
    return b"".join(found)
