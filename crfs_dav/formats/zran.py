"""Random access inside gzip: places to begin at, found in one pass; and spans of content, read from there.

A checkpoint is the start of a deflate block, at any bit. With the 32 KiB of content before it, decoding can begin
there (after Mark Adler's `zran.c` in zlib). A span is what lies between two checkpoints; it has a digest over its
compressed bytes, taken while the blob's own digest was being checked, so that each read can be verified.

    blob      header | block block ... block | trailer   header | block ...
    span               [start        [start                       the byte in which two spans meet belongs to both
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from crfs_dav.errors import Corrupt
from crfs_dav.formats.deflate import WINDOW_SIZE, Source, inflate_block, resume
from crfs_dav.formats.gzipmember import GZIP_WBITS, MAGIC, cut, engine, inflate_piece
from crfs_dav.formats.limits import MIB
from crfs_dav.formats.sparsewindow import thinned

SPACING = MIB  # bytes of content between two checkpoints: the index is 0.6 % of the blob, a small read takes 340 kB
_COMPRESSED_SPACING = MIB  # and of the blob, where that is larger than its content
_FOLLOWING_LIMIT = 2 * WINDOW_SIZE  # compressed bytes kept to see what of a window is used
_WINDOW_LEVEL = 6
_UNHASHED = 8  # spans, their compressed bytes in memory
_TRAILER_SIZE = 8
_BLOCKS_BEFORE_JUDGING = 20_000
_SMALLEST_BLOCK = 200  # compressed bytes, on average: honest ones have some thousand
_FLAGS_RESERVED = 0xE0
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT = 2, 4, 8, 16
_FIELD_LIMIT = MIB  # bytes of a name or comment in a header


class NoCheckpoints(Exception):
    """There are too few places to begin at, or too many: honest content, maybe, but not for reading in parts."""


@dataclass(slots=True)
class Checkpoint:
    """A place to begin at, with the span that begins there."""

    start: int  # blob offset of the byte that it lies in
    bit: int
    content: int  # offset of what is decoded from here
    window: bytes = b""  # up to 32 KiB of content before, without what nobody refers to; zlib format; b"" = none
    digest: bytes = b""  # sha256 of the span's compressed bytes


@dataclass(slots=True)
class _Open:
    """The span that is being read, and what is still to be learnt of its window."""

    checkpoint: Checkpoint
    window: bytes
    compressed: list[bytes | memoryview] = field(default_factory=list)
    following: bytearray | None = None


class CheckpointBuilder:
    """One pass over a blob of gzip members: gives out the content, finds the checkpoints. For one thread, one use."""

    def __init__(self, pieces: Iterable[bytes | memoryview], *, spacing: int = SPACING, span_limit: int) -> None:
        self.checkpoints: list[Checkpoint] = []
        self.content_size = 0
        self.end = 0  # blob offset after the last member
        self._source = _Watched(pieces, self._saw)
        self._spacing = spacing
        self._span_limit = span_limit
        self._open: _Open | None = None
        self._recent: deque[bytes] = deque()  # the member's last content, at least a window of it
        self._recent_size = 0
        self._blocks = 0
        self._hasher = ThreadPoolExecutor(1, thread_name_prefix="span")
        self._unhashed: deque[Future[None]] = deque()

    def content(self) -> Iterator[bytes]:
        """The content in pieces of at most about 4 MiB; raises Corrupt and NoCheckpoints.

        After the last member zeros may follow, and anything else, as gzip(1) has it. Digests of spans, which another
        thread takes, are there at the end.
        """
        with self._hasher:
            yield from self._members()
            for span in self._unhashed:
                span.result()
        for _ in iter(self._source.peek, b""):
            self._source.skip(len(self._source.peek()))

    def _members(self) -> Iterator[bytes]:
        while True:
            yield from self._member()
            assert self._open is not None
            self.end, count = self._source.offset, len(self._open.compressed)
            self._skip_zeros()
            if not _is_member(self._source):
                break
        del self._open.compressed[count:]
        self._close_span()

    def _skip_zeros(self) -> None:
        """Take what fills a tape's last block, if anything does; where a member follows, it belongs to the span."""
        while (piece := self._source.peek()) and not any(piece):
            self._source.skip(len(piece))
            if self._source.offset - self.end > self._span_limit:
                raise NoCheckpoints(f"{self._source.offset - self.end} zeros after a member")
        self._source.skip(len(piece) - len(bytes(piece).lstrip(b"\0")))

    def _member(self) -> Iterator[bytes]:
        skip_header(self._source)
        self._recent.clear()
        self._recent_size = 0
        crc, start = 0, self.content_size
        bit, window, is_last = 0, b"", False
        while not is_last:
            self._consider(bit, window)
            block = inflate_block(self._source, window, bit)
            while True:
                try:
                    piece = next(block)
                except StopIteration as end:
                    bit, is_last = end.value
                    break
                crc = engine.crc32(piece, crc)
                self._take(piece)
                yield piece
            window = self._window()
        if bit:
            self._source.skip(1)
        trailer = self._source.take(_TRAILER_SIZE)
        found = crc.to_bytes(4, "little") + (self.content_size - start & 0xFFFF_FFFF).to_bytes(4, "little")
        if len(trailer) < _TRAILER_SIZE:
            raise Corrupt("gzip member: no end; expected a whole member")
        if trailer != found:
            raise Corrupt(f"gzip member: CRC and size {found.hex()}; expected {trailer.hex()}")

    def _take(self, piece: bytes) -> None:
        self.content_size += len(piece)
        self._recent.append(piece)
        self._recent_size += len(piece)
        while self._recent_size - len(self._recent[0]) >= WINDOW_SIZE:
            self._recent_size -= len(self._recent.popleft())
        span = self._open
        if span is None:
            return
        done = self.content_size - span.checkpoint.content
        if done > self._span_limit:
            raise NoCheckpoints(f"deflate block of more than {done - self._spacing} bytes")
        if span.following is not None and done >= WINDOW_SIZE:
            self._settle(span)

    def _window(self) -> bytes:
        window = b"".join(self._recent)[-WINDOW_SIZE:]
        self._recent = deque([window])
        self._recent_size = len(window)
        return window

    def _consider(self, bit: int, window: bytes) -> None:
        """Note a checkpoint here, if the last one is far enough away."""
        self._blocks += 1
        offset = self._source.offset
        if self._blocks > _BLOCKS_BEFORE_JUDGING and offset < self._blocks * _SMALLEST_BLOCK:
            raise NoCheckpoints(f"{self._blocks} deflate blocks in {offset} bytes")
        if self._open is not None:
            last = self._open.checkpoint
            if self.content_size - last.content < self._spacing and offset - last.start < _COMPRESSED_SPACING:
                return
            if offset - last.start > self._span_limit:
                raise NoCheckpoints(f"{offset - last.start} bytes between two deflate blocks")
            self._close_span(self._source.peek()[: int(bit > 0)])
        self._open = _Open(Checkpoint(offset, bit, self.content_size), window)
        self._open.following = bytearray() if window else None

    def _close_span(self, shared: bytes | memoryview = b"") -> None:
        span = self._open
        if span is None:
            return
        span.compressed.append(shared)
        self._unhashed.append(self._hasher.submit(_take_digest, span))
        if len(self._unhashed) > _UNHASHED:
            self._unhashed.popleft().result()
        if span.following is not None:
            self._settle(span)
        self.checkpoints.append(span.checkpoint)
        self._open = None

    def _saw(self, data: memoryview) -> None:
        """Take note of compressed bytes that are being skipped."""
        span = self._open
        if span is None:
            return
        span.compressed.append(data)
        if span.following is not None:
            span.following += data
            if len(span.following) > _FOLLOWING_LIMIT:
                self._keep_window(span, span.window)

    def _settle(self, span: _Open) -> None:
        """Thin out the window: all that can refer to it has been seen. The last piece has not been skipped yet."""
        assert span.following is not None
        following = bytes(span.following) + bytes(self._source.peek())
        self._keep_window(span, thinned(span.window, span.checkpoint.bit, following))

    def _keep_window(self, span: _Open, window: bytes) -> None:
        span.checkpoint.window = engine.compress(window, _WINDOW_LEVEL)
        span.following, span.window = None, b""


def _take_digest(span: _Open) -> None:
    span.checkpoint.digest = hashlib.sha256(b"".join(span.compressed)).digest()


class _Watched(Source):
    """A source that shows what is taken off it."""

    def __init__(self, pieces: Iterable[bytes | memoryview], watch: Callable[[memoryview], None]) -> None:
        super().__init__(pieces)
        self._watch = watch

    def skip(self, size: int) -> None:
        """As `Source`."""
        self._watch(self._view[:size])
        super().skip(size)


def inflate_span(span: memoryview, bit: int, window: bytes | memoryview) -> Iterator[bytes]:
    """Content of blob bytes `span` from `bit` on, in pieces of at most 64 KiB; raises Corrupt. `window` as stored.

    Goes on through all members that lie in the span; the caller stops where it has enough.
    """
    try:
        past = engine.decompressobj().decompress(window, WINDOW_SIZE) if window else b""
    except engine.error as error:
        raise Corrupt(f"window: {error}; expected a compressed one") from None
    decoder, head = resume(past, bit, span[0])
    rest = yield from _pieces(decoder, chain([head], cut(span[1:])))
    rest = rest[_TRAILER_SIZE:]
    while rest := bytes(rest).lstrip(b"\0"):
        rest = yield from _pieces(engine.decompressobj(GZIP_WBITS), cut(rest))


def _pieces(decoder: Any, compressed: Iterator[bytes | memoryview]) -> Generator[bytes, None, bytes]:
    """Content of one member, and what of `compressed` comes after it."""
    for data in compressed:
        yield from inflate_piece(decoder, data)
        if decoder.eof:
            return b"".join([decoder.unused_data, *compressed])
    return b""


def skip_header(source: Source) -> None:
    """Take a member's header (RFC 1952, 2.3) off `source`; raises Corrupt."""
    header = source.take(10)
    if len(header) < 10 or not header.startswith(MAGIC) or header[3] & _FLAGS_RESERVED:
        raise Corrupt(f"gzip member: header {header.hex()}; expected one of RFC 1952")
    flags = header[3]
    if flags & _FEXTRA:
        source.take(int.from_bytes(source.take(2), "little"))
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            _skip_text(source)
    if flags & _FHCRC:
        source.take(2)


def _skip_text(source: Source) -> None:
    """Take a text and the NUL after it."""
    taken = 0
    while piece := source.peek():
        size = bytes(piece).find(b"\0") + 1
        source.skip(size or len(piece))
        taken += size or len(piece)
        if size:
            return
        if taken > _FIELD_LIMIT:
            break
    raise Corrupt(f"gzip member: text of more than {taken} bytes in its header; expected its end")


def _is_member(source: Source) -> bool:
    """True if a member's header comes next, as far as can be seen without taking it."""
    piece = source.peek()
    return bool(piece) and bytes(piece[:3]) == MAGIC[: len(piece)]
