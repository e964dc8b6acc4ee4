"""Zstandard frames (RFC 8878) decoded in small pieces: nothing here holds more than a piece and the frame's window.

The window is at most 128 MiB, unless told otherwise: what `zstd --ultra --long=27` asks of its readers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from crfs_dav.errors import Corrupt
from crfs_dav.formats.gzipmember import PIECE

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = bytes.fromhex("28b52ffd")
SKIPPABLE_MAGIC = bytes.fromhex("502a4d18")  # the one of sixteen that zstd:chunked writes
WINDOW_LOG_MAX = 27
_SKIPPABLE = 0x184D2A5  # the upper 28 bits of all sixteen
_HEADER_SIZE = 5  # magic and descriptor: where a frame says whether it ends with a checksum
_CHECKSUM_FLAG = 0x04  # RFC 8878, 3.1.1.1.1


class Frame(NamedTuple):
    """Where a frame ended: blob bytes and content bytes from the start of what was decoded."""

    compressed: int
    content: int


def decode(compressed: Iterable[bytes | memoryview], *, window_log: int = WINDOW_LOG_MAX) -> Iterator[bytes]:
    """Content of the frames that `compressed` is, in pieces of at most 64 KiB, never empty.

    A caller that stops early goes without the check of the last frame's checksum. Raises Corrupt for bad data, for
    a window above 2**window_log bytes, and where `compressed` ends within a frame.
    """
    return FrameDecoder(window_log=window_log).decode(compressed)


def decode_checked(compressed: Iterable[bytes | memoryview], *, window_log: int = WINDOW_LOG_MAX) -> Iterator[bytes]:
    """As `decode`; raises Corrupt for frames without a checksum too."""
    return FrameDecoder(checked=True, window_log=window_log).decode(compressed)


class FrameDecoder:
    """Frames one after another; knows where each of them ended. For one thread, for one use."""

    def __init__(self, *, checked: bool = False, window_log: int = WINDOW_LOG_MAX) -> None:
        self._checked = checked
        self._window_log = window_log
        self._engine = _new_engine(window_log)
        self._is_open = False  # inside a frame
        self._head = b""  # first bytes of the frame, until it is known what it is
        self._taken = 0
        self._given = 0
        self.last = Frame(0, 0)  # where the frame decoded last ended

    def decode(self, compressed: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        """Content in pieces of at most 64 KiB, never empty; raises Corrupt."""
        for data in compressed:
            yield from self.feed(data)
        self.finish()

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Content that `data` adds; raises Corrupt."""
        self._taken += len(data)
        while data:
            if self._checked and len(self._head) < _HEADER_SIZE:
                self._look(data)
            self._is_open = True
            yield from self._pieces(data)
            if not self._engine.eof:
                return
            data = self._engine.unused_data
            self.last = Frame(self._taken - len(data), self._given)
            self._engine, self._head, self._is_open = _new_engine(self._window_log), b"", False

    def finish(self) -> None:
        """Nothing; raises Corrupt within a frame."""
        if self._is_open:
            raise Corrupt("zstd frame: no end; expected a whole frame")

    def _pieces(self, data: bytes | memoryview) -> Iterator[bytes]:
        while True:
            try:
                piece = self._engine.decompress(data, PIECE)
            except zstd.ZstdError as error:
                raise Corrupt(f"zstd frame: {error}; expected Zstandard data") from None
            except MemoryError:
                raise Corrupt("zstd frame: no memory for its window; expected a smaller one") from None
            if piece:
                self._given += len(piece)
                yield piece
            if self._engine.eof or self._engine.needs_input:
                return
            data = b""

    def _look(self, data: bytes | memoryview) -> None:
        self._head += bytes(data[: _HEADER_SIZE - len(self._head)])
        if len(self._head) < _HEADER_SIZE or is_skippable(self._head):
            return
        if not self._head[4] & _CHECKSUM_FLAG:
            raise Corrupt("zstd frame: no checksum; expected one where no digest is given")


def is_skippable(head: bytes) -> bool:
    """True if `head` begins a skippable frame (RFC 8878, 3.1.2)."""
    return len(head) >= 4 and int.from_bytes(head[:4], "little") >> 4 == _SKIPPABLE


def _new_engine(window_log: int) -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window_log})
