"""The bytes of a deflate window that are used at all: about one in sixteen, and the rest can be forgotten.

What follows a checkpoint is decoded three times, each time with a past that says of every byte where it stands: its
position's low byte, that inverted, and its high byte. Where the first two decodings differ, a byte was copied from the
past, and the first and the third say from where. (gztool and rapidgzip keep sparse windows too.)
"""

from __future__ import annotations

import sys
from array import array
from itertools import compress

from crfs_dav.formats.deflate import WINDOW_SIZE, resume

_LOW = bytes(position & 0xFF for position in range(WINDOW_SIZE))
_INVERTED = bytes(255 - value for value in _LOW)
_HIGH = bytes(position >> 8 for position in range(WINDOW_SIZE))
_LOW_BYTE = int(sys.byteorder == "big")  # place of the low byte in an unsigned short


def thinned(window: bytes, bit: int, following: bytes | bytearray) -> bytes:
    """`window` with zeros for all that nothing refers to, where `following` begins at `bit` of its first byte.

    What is not decoded of `following` must lie more than a window further on; raises zlib's error for no deflate data.
    """
    low, inverted, high = (_decoded(places[-len(window) :], bit, following) for places in (_LOW, _INVERTED, _HIGH))
    differing = (int.from_bytes(low, "big") ^ int.from_bytes(inverted, "big")).to_bytes(len(low), "big")
    places = bytearray(2 * len(low))
    places[_LOW_BYTE::2], places[1 - _LOW_BYTE :: 2] = low, high
    skipped = WINDOW_SIZE - len(window)
    sparse = bytearray(len(window))
    for place in set(compress(array("H", bytes(places)), differing)):
        sparse[place - skipped] = window[place - skipped]
    return bytes(sparse)


def _decoded(window: bytes, bit: int, following: bytes | bytearray) -> bytes:
    decoder, head = resume(window, bit, following[0])
    content: bytes = decoder.decompress(head + following[1:], WINDOW_SIZE)
    return content
