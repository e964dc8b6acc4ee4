"""Layers that are read through once, from their start to their end; then files are read from what was learnt.

What was packed in one go (a gzip member, a zstd frame) has no place to begin but its start: its content goes into a
spool on disk, and is read there. A zstd blob of many small frames (pzstd, the seekable format) is read by ranges, one
frame at a time, once it is known where they lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt, OverLimit, Unavailable
from crfs_dav.formats.candidate import Candidate, Means
from crfs_dav.formats.chunks import Chunk, ChunkedFile, ChunkLoader
from crfs_dav.formats.gzipmember import MemberDecoder, cut
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.scanfile import Packing, Scan, dump_scan, load_scan, parse_packing
from crfs_dav.formats.spool import Spool, Spools
from crfs_dav.formats.tarentries import PieceStream, TarArchive, scan_tar
from crfs_dav.formats.zstdchunked import ZSTD
from crfs_dav.formats.zstdframe import Frame, FrameDecoder
from crfs_dav.names import Digest
from crfs_dav.oci import Descriptor, toc_annotations
from crfs_dav.readers import ReaderAt, stream

_FRAME_LIMIT = 16 * MIB  # bytes of content; larger frames are too dear to read for one file
_FRAMES_LIMIT = 1_000_000
_RETRY_SECONDS = 5.0
_WHAT = "streamed-1"


class Decoder(Protocol):
    """A blob's content, given out as the blob comes in."""

    last: Frame  # where the frame ended that ended last; never moves where frames are nothing to begin at

    def feed(self, data: memoryview) -> Iterator[bytes]:
        """Content that `data` adds, in small pieces; raises Corrupt."""
        ...

    def finish(self) -> None:
        """Nothing; raises Corrupt where the blob must not end yet."""
        ...


@dataclass(frozen=True, slots=True)
class _Stream:
    """What a pass over a blob needs."""

    candidate: Candidate
    spools: Spools
    passes: Passes
    packing: Packing

    @property
    def key(self) -> str:
        return str(self.candidate.descriptor.digest)

    def kept(self) -> Scan | None:
        """What a pass found before, in this process or another."""
        file = self.candidate.means.columns.load(self.candidate.descriptor.digest, _WHAT)
        return None if file is None else load_scan(file)

    def scanned(self) -> Scan:
        """What the pass finds; made once for all who ask at the same time."""
        return self.passes.run(f"{self.key}/spool", self._scan)

    def _scan(self) -> Scan:
        passage = _Passage(self.candidate, self.spools.create(), DECODERS[self.packing](self.candidate.limits))
        stream = PieceStream(passage.pieces())
        try:
            columns = scan_tar(stream, self.candidate.limits)
            stream.drain()
        except Corrupt as error:
            raise type(error)(f"layer {self.key}: {error}") from None
        frames = passage.frames()
        if frames is None:
            self.spools.keep(self.key, passage.spooled())
        scan = Scan(columns, stream.offset, frames)
        file = dump_scan(scan, self.packing)
        self.candidate.means.columns.save(self.candidate.descriptor.digest, _WHAT, file)
        return scan


def open_streamed(candidate: Candidate, packing: Packing) -> Archive | None:
    """The archive whose tar is packed in the blob; None where it may not be read through. Raises Corrupt.

    Raises Unavailable while the pass over the blob goes on.
    """
    means = candidate.means
    if means.spools is None or means.passes is None:
        return None
    stream = _Stream(candidate, means.spools, means.passes, packing)
    scan = stream.kept() or stream.scanned()
    return TarArchive(scan.columns, _Content(stream, scan))


def open_kept_streamed(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in the blob, without a read of it, where `means.columns` has what a pass found; else None.

    Its content, where it cannot be read frame by frame, is unpacked once more when somebody reads a file.
    """
    file = None if toc_annotations(descriptor) else means.columns.load(descriptor.digest, _WHAT)
    packing = None if file is None else parse_packing(file)
    return None if packing is None else open_streamed(Candidate(blob, descriptor, b"", means), packing)


class _Passage:
    """One reading of a blob from its start to its end, its digest checked."""

    def __init__(self, candidate: Candidate, spool: Spool, decoder: Decoder) -> None:
        self._candidate = candidate
        self._spool = spool
        self._decoder = decoder
        self._spool_error: Unavailable | OSError | None = None
        self._chunks: list[Chunk] = []
        self._are_small = True

    def frames(self) -> list[Chunk] | None:
        """The blob's frames, where each can be read by itself."""
        return self._chunks if self._are_small and len(self._chunks) > 1 else None

    def spooled(self) -> Spool:
        """The content; raises what kept it from being written."""
        if self._spool_error is not None:
            raise self._spool_error
        self._spool.finish()
        return self._spool

    def pieces(self) -> Iterator[bytes]:
        """The content; raises Corrupt."""
        decoder = self._decoder
        content = hashlib.sha256()
        size, limit = 0, self._candidate.limits.content
        frame = decoder.last
        for data in self._compressed():
            for piece in decoder.feed(data):
                if decoder.last != frame:  # the piece is the first of another frame
                    self._add_frame(frame, decoder.last, content.digest())
                    frame, content = decoder.last, hashlib.sha256()
                content.update(piece)
                size += len(piece)
                if size > limit:
                    raise OverLimit(f"tar: more than {limit} bytes; expected fewer")
                self._are_small = self._are_small and size - frame.content <= _FRAME_LIMIT
                self._write(piece)
                yield piece
        decoder.finish()
        self._add_frame(frame, decoder.last, content.digest())

    def _compressed(self) -> Iterator[memoryview]:
        blob, digest = self._candidate.blob, self._candidate.descriptor.digest
        found = hashlib.new(digest.algorithm)
        for data in stream(blob):
            found.update(data)
            yield from cut(data)
        if found.hexdigest() != digest.hex:
            raise Corrupt(f"blob: {digest.algorithm}:{found.hexdigest()}; expected {digest}")

    def _add_frame(self, start: Frame, end: Frame, content: bytes) -> None:
        if end.content == start.content:
            return
        if len(self._chunks) == _FRAMES_LIMIT:
            self._are_small = False
        if not self._are_small:
            return
        digest = Digest("sha256", content.hex())
        size = end.content - start.content
        self._chunks.append(Chunk(start.content, size, start.compressed, end.compressed, digests=(digest,)))

    def _write(self, piece: bytes) -> None:
        """Into the spool; where that fails, the pass goes on: it may find that no spool is needed."""
        if self._spool_error is None:
            try:
                self._spool.write(piece)
            except (Unavailable, OSError) as error:
                self._spool_error = error


class _Content:
    """The tar's bytes: a `ReaderAt` over the blob's frames, or over a spool, filled again where it had to go."""

    def __init__(self, stream: _Stream, scan: Scan) -> None:
        self._stream = stream
        self._scan = scan
        self._file = None if scan.frames is None else self._chunked(stream.candidate.blob, scan.frames)

    @property
    def size(self) -> int:
        """Bytes of the tar."""
        return self._scan.content_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, verified, fewer only at the end; raises Corrupt, Unavailable."""
        return (self._file or self._spooled()).read_at(offset, size)

    def _spooled(self) -> ChunkedFile:
        key, spools = self._stream.key, self._stream.spools
        spool = spools.find(key)
        if spool is None:
            self._stream.scanned()
            spool = spools.find(key)
        if spool is None:
            raise Unavailable(f"layer {key}: no room for its spool; expected some", retry_after_seconds=_RETRY_SECONDS)
        return self._chunked(spool, spool.chunks)

    def _chunked(self, frames: ReaderAt, chunks: Sequence[Chunk]) -> ChunkedFile:
        candidate, means = self._stream.candidate, self._stream.candidate.means
        loader = ChunkLoader(frames, candidate.descriptor.digest, means.chunks, ZSTD, ahead=means.ahead)
        return ChunkedFile("tar", self._scan.content_size, chunks, loader)


class _GzipDecoder(MemberDecoder):
    """Gzip for the spool: it comes here where there is nothing in it to begin at."""

    def __init__(self) -> None:
        super().__init__()
        self.last = Frame(0, 0)


DECODERS: Mapping[Packing, Callable[[Limits], Decoder]] = {
    "zstd": lambda limits: FrameDecoder(window_log=limits.zstd_window_log),
    "gzip": lambda limits: _GzipDecoder(),
}
