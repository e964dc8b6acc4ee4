"""Deflate streams (RFC 1951) from any bit on, and block by block: all with nothing but `decompressobj`.

zlib's `inflatePrime` and `Z_BLOCK` would do it too, but no Python module has them. What stands in for them:

Resume at bit b of a byte: feed blocks that are empty and together b bits longer than a number of bytes, then that
byte with its first b bits overwritten, then the rest as it is. An empty fixed block takes 10 bits; for odd b one empty
dynamic block of 91 bits comes first. zlib and zlib-ng take them at full speed, for no output.

Stop after a block: set the bit in its header that says that it is the last. Where it ends is then known to the byte
(`unused_data`). To the bit: of that byte, invert all bits from e on; the largest e which changes anything is the
last bit of the block, since its end-of-block code is no other code's beginning.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, NamedTuple

from crfs_dav.errors import Corrupt
from crfs_dav.formats.gzipmember import engine

WINDOW_SIZE = 32 << 10  # bytes
PIECE = 4 << 10  # bytes; deflate makes at most 1032 times as much of them: 4 MiB
_RAW = -15  # no header, the largest window


class BlockEnd(NamedTuple):
    """What follows a block: the bit of the source's next byte that comes next, and whether there is another block."""

    bit: int
    is_last: bool


class Source:
    """Compressed bytes as they come in, looked at in pieces and taken; `offset` counts those taken."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._view = memoryview(b"")
        self.offset = 0

    def peek(self) -> memoryview:
        """The next bytes, at most 4 KiB; empty only at the end."""
        while not self._view:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._view = memoryview(piece)
        return self._view[:PIECE]

    def skip(self, size: int) -> None:
        """Take `size` bytes of those that `peek` showed."""
        self._view = self._view[size:]
        self.offset += size

    def take(self, size: int) -> bytes:
        """The next `size` bytes, taken; fewer only at the end."""
        found = bytearray()
        while len(found) < size and (piece := self.peek()):
            part = piece[: size - len(found)]
            found += part
            self.skip(len(part))
        return bytes(found)


def resume(window: bytes | memoryview, bit: int, first: int) -> tuple[Any, bytes]:
    """A decoder whose past is `window`, and what to feed it in place of byte `first`, from whose `bit` it goes on."""
    prime, lead = _PRIMES[bit]
    decoder = engine.decompressobj(_RAW, zdict=window) if window else engine.decompressobj(_RAW)
    return decoder, prime + bytes([first >> bit << bit | lead])


def inflate_block(source: Source, window: bytes, bit: int) -> Generator[bytes, None, BlockEnd]:
    """Content of the block that begins at `bit` of the next byte, in pieces of at most about 4 MiB; raises Corrupt.

    Then the byte that the next block begins in is the source's next.
    """
    piece = source.peek()
    if not piece:
        raise _cut_off()
    first = piece[0]
    decoder, head = resume(window, bit, first | 1 << bit)
    fed: bytes | memoryview = head + piece[1:]
    while True:
        before = decoder.copy()
        try:
            content = decoder.decompress(fed)
        except engine.error as error:
            raise Corrupt(f"gzip member: {error}; expected deflate data") from None
        if content:
            yield content
        if decoder.eof:
            break
        source.skip(len(piece))
        piece = fed = source.peek()
        if not piece:
            raise _cut_off()
    unused = len(decoder.unused_data)
    end = _end_bit(before, bytes(fed[: len(fed) - unused]), content)
    source.skip(len(piece) - unused - (end < 8))
    return BlockEnd(end % 8, bool(first >> bit & 1))


def _end_bit(before: Any, data: bytes, content: bytes) -> int:
    """Bits of the last byte of `data` that belong to the block which ends in it: 1 to 8."""
    known = before.decompress(data[:-1])
    rest = content[len(known) :]
    last = data[-1]
    for bit in range(7, 0, -1):
        probe = before.copy()
        try:
            found = probe.decompress(bytes([last ^ (0xFF << bit & 0xFF)]))
        except engine.error:
            return bit + 1
        if not probe.eof or found != rest:
            return bit + 1
    return 1


def _cut_off() -> Corrupt:
    return Corrupt("gzip member: no end; expected a whole member")


def _primes() -> list[tuple[bytes, int]]:
    """For each bit: whole bytes to feed before, and the bits that stand before it in its own byte."""
    odd, fixed = _empty_dynamic_block(), (0b01 << 1, 10)  # fixed: not the last, 01, end-of-block is seven zeros
    found = []
    for bit in range(8):
        value = count = 0
        blocks = ([odd] if bit % 2 else []) + [fixed] * ((bit - 3 * (bit % 2)) % 8 // 2)
        for block_value, block_count in blocks:
            value |= block_value << count
            count += block_count
        data = value.to_bytes(-(-count // 8), "little")
        found.append((data[:-1], data[-1]) if bit else (b"", 0))
    return found


def _empty_dynamic_block() -> tuple[int, int]:
    """Value and count of bits, 91, of a block with codes `0` for byte 0 and `1` for end-of-block (RFC 1951, 3.2.7)."""
    fields = [
        (0, 1),  # not the last
        (0b10, 2),  # dynamic
        (0, 5),  # 257 literal codes
        (0, 5),  # 1 distance code
        (14, 4),  # 18 code length codes, in the order of the specification: that of 18 third, that of 1 last
        *[(int(place in (2, 17)), 3) for place in range(18)],
        (0, 1),  # byte 0 has a code of length 1
        (1, 1),
        (138 - 11, 7),  # then 138 times none
        (1, 1),
        (117 - 11, 7),  # then 117 times
        (0, 1),  # end-of-block has a code of length 1
        (0, 1),  # so has the one distance
        (1, 1),  # end-of-block
    ]
    value = count = 0
    for field, size in fields:
        value |= field << count
        count += size
    return value, count


_PRIMES = _primes()
