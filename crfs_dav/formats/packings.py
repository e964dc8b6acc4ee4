"""How the tar of a layer that is read through is packed, if it is: zstd, gzip, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from crfs_dav.formats.chunkcodec import GZIP, ChunkCodec, Codec
from crfs_dav.formats.gzipmember import MemberDecoder
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.scanfile import Packing
from crfs_dav.formats.zstdchunked import ZSTD
from crfs_dav.formats.zstdframe import Frame, FrameDecoder

_STORED_FRAME = 256 << 10  # bytes; what is not packed can be cut anywhere


class Decoder(Protocol):
    """A blob's content, given out as the blob comes in."""

    last: Frame  # where the frame ended that ended last; never moves where frames are nothing to begin at

    def feed(self, data: memoryview) -> Iterator[bytes]:
        """Content that `data` adds, in small pieces; raises Corrupt."""
        ...

    def finish(self) -> None:
        """Nothing; raises Corrupt where the blob must not end yet."""
        ...


class PackingWays(NamedTuple):
    """What unpacks a whole blob, and one frame of it, where there are at least so many."""

    decoder: Callable[[Limits], Decoder]
    codec: ChunkCodec
    least_frames: int = 2
    needs_spool: bool = True


class _GzipDecoder(MemberDecoder):
    """Gzip for the spool: it comes here where there is nothing in it to begin at."""

    def __init__(self) -> None:
        super().__init__()
        self.last = Frame(0, 0)


class _StoredDecoder:
    """What is not packed, as frames of 256 KiB."""

    def __init__(self) -> None:
        self.last = Frame(0, 0)
        self._taken = 0

    def feed(self, data: memoryview) -> Iterator[bytes]:
        """`data`, in pieces none of which lies in two frames."""
        while data:
            if self._taken - self.last.content == _STORED_FRAME:
                self.last = Frame(self._taken, self._taken)
            piece = bytes(data[: self.last.content + _STORED_FRAME - self._taken])
            self._taken += len(piece)
            yield piece
            data = data[len(piece) :]

    def finish(self) -> None:
        """End the last frame."""
        self.last = Frame(self._taken, self._taken)


def _as_stored(compressed: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    return map(bytes, compressed)


PACKINGS: Mapping[Packing, PackingWays] = {
    "zstd": PackingWays(lambda limits: FrameDecoder(window_log=limits.zstd_window_log), ZSTD),
    "gzip": PackingWays(lambda limits: _GzipDecoder(), GZIP),
    "tar": PackingWays(lambda limits: _StoredDecoder(), Codec(_as_stored, _as_stored), 1, needs_spool=False),
}
