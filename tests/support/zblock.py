"""Where deflate blocks end: as zlib says, by `inflate` with Z_BLOCK (zlib.h) through ctypes on libz; and as we say."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator

from crfs_dav.formats.deflate import Source, inflate_block

_Z_BLOCK, _Z_OK, _Z_STREAM_END = 5, 0, 1


class _Stream(ctypes.Structure):
    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


def block_ends(raw: bytes, size: int) -> list[tuple[int, int, int]]:
    """Byte, bit and content offset of each block's end in a raw deflate stream of `size` bytes of content."""
    libz = ctypes.CDLL("libz.so.1")
    libz.zlibVersion.restype = ctypes.c_char_p
    source, room = ctypes.create_string_buffer(raw, len(raw)), ctypes.create_string_buffer(size + 1)
    stream = _Stream(ctypes.addressof(source), len(raw), 0, ctypes.addressof(room), size + 1)
    version = libz.zlibVersion()
    assert libz.inflateInit2_(ctypes.byref(stream), -15, version, ctypes.sizeof(stream)) == _Z_OK
    ends = []
    status = _Z_OK
    while status == _Z_OK:
        status = libz.inflate(ctypes.byref(stream), _Z_BLOCK)
        if stream.data_type & 128:  # just after a block; the low bits count those unused of the last byte taken
            unused = stream.data_type & 7
            ends.append((stream.total_in - (unused > 0), -unused % 8, stream.total_out))
    libz.inflateEnd(ctypes.byref(stream))
    assert status == _Z_STREAM_END
    return ends


def fed(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """`data` in pieces of random sizes."""
    offset = 0
    while offset < len(data):
        size = chance.choice((1, 2, 100, 4096, 70_000))
        yield data[offset : offset + size]
        offset += size


def ends_found(raw: bytes, chance: random.Random) -> tuple[list[tuple[int, int, int]], bytes]:
    """Byte, bit and content offset of each block's end as `inflate_block` has it; and the content."""
    source = Source(fed(raw, chance))
    ends, content, bit, is_last = [], b"", 0, False
    while not is_last:
        block = inflate_block(source, content[-32768:], bit)
        while True:
            try:
                content += next(block)
            except StopIteration as end:
                bit, is_last = end.value
                break
        ends.append((source.offset, bit, len(content)))
    return ends, content
