"""Random gzip and raw deflate streams by every compressor that Python has at hand, in all their moods."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable
from typing import Any

import deflate
from zlib_ng import zlib_ng

_FLUSHES = (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_BLOCK)


def random_content(chance: random.Random) -> bytes:
    """Up to some hundred kilobytes of noise, repetitions near and far, runs of one byte, and text."""
    words = [chance.randbytes(chance.randint(2, 12)) for _ in range(chance.choice((3, 50, 2000)))]
    parts = [b""]
    for _ in range(chance.randint(0, 60)):
        kind = chance.randrange(5)
        if kind == 0:
            parts.append(chance.randbytes(chance.randint(1, 5000)))
        elif kind == 1:
            parts.append(bytes([chance.randrange(256)]) * chance.randint(1, 20_000))
        elif kind == 2:
            parts.append(b"".join(chance.choices(words, k=chance.randint(1, 1500))))
        else:
            parts.append(chance.choice(parts)[: chance.randint(1, 40_000)])
    return b"".join(parts)


def zlib_stream(content: bytes, chance: random.Random) -> bytes:
    """A raw stream by zlib: any level, strategy and memory level, flushed anywhere."""
    return _flushed(zlib, content, chance)


def zlib_ng_stream(content: bytes, chance: random.Random) -> bytes:
    """A raw stream by zlib-ng, as above."""
    return _flushed(zlib_ng, content, chance)


def libdeflate_stream(content: bytes, chance: random.Random) -> bytes:
    """A raw stream by libdeflate, levels 1 to 12."""
    return bytes(deflate.deflate_compress(content, chance.randint(1, 12)))


RAW: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "zlib": zlib_stream,
    "zlib-ng": zlib_ng_stream,
    "libdeflate": libdeflate_stream,
}


def member(raw: bytes, content: bytes, chance: random.Random | None = None) -> bytes:
    """A gzip member around a raw stream; its header with any of the optional fields."""
    flags = chance.choice((0, 0, 2, 4, 8, 16, 30)) if chance else 0
    header = bytes([0x1F, 0x8B, 8, flags]) + bytes(6)
    header += b"\5\0extra" if flags & 4 else b""
    header += b"name\0" if flags & 8 else b""
    header += b"c" * 5000 + b"\0" if flags & 16 else b""
    header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") if flags & 2 else b""
    return header + raw + zlib.crc32(content).to_bytes(4, "little") + (len(content) & 0xFFFF_FFFF).to_bytes(4, "little")


def endless_block(size: int) -> bytes:
    """A raw stream of one fixed block of `size` zeros and no end: code 00110000, first bit first, is byte 0."""
    first, code = 0b011, 0b00001100
    unit = bytes([(code << 3 | code >> 5) & 0xFF])
    return bytes([(code << 3 | first) & 0xFF]) + unit * size


def random_gzip(content: bytes, chance: random.Random) -> bytes:
    """One to five members, zeros between and after some."""
    cuts = sorted(chance.randint(0, len(content)) for _ in range(chance.choice((0, 0, 1, 4))))
    blob = b""
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        part = content[start:end]
        raw = RAW[chance.choice(list(RAW))](part, chance)
        blob += member(raw, part, chance) + bytes(chance.choice((0, 0, 7, 600)))
    assert gzip.decompress(blob) == content
    return blob


def _flushed(module: Any, content: bytes, chance: random.Random) -> bytes:
    level, memory, strategy = chance.randint(0, 9), chance.choice((1, 1, 5, 8, 9)), chance.randint(0, 4)
    engine = module.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    raw = b""
    offset = 0
    while offset < len(content):
        size = chance.choice((10, 1000, 30_000, 300_000))
        raw += engine.compress(content[offset : offset + size])
        offset += size
        if chance.random() < 0.1:
            raw += engine.flush(chance.choice(_FLUSHES))
    return raw + bytes(engine.flush())
