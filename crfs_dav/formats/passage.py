"""One reading of a whole blob: its content on the way, and afterwards where that can be read again."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator

from crfs_dav.errors import Corrupt, OverLimit, Unavailable
from crfs_dav.formats.candidate import Candidate
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.gzipmember import cut
from crfs_dav.formats.limits import MIB
from crfs_dav.formats.packings import PackingWays
from crfs_dav.formats.spool import SpoolWriter, spool_key
from crfs_dav.formats.zstdframe import Frame
from crfs_dav.names import Digest

_FRAME_LIMIT = 16 * MIB  # bytes of content; larger frames are too dear to read for one file
_FRAMES_LIMIT = 1_000_000


class Passage:
    """One reading of a blob from its start to its end, its digest checked."""

    def __init__(self, candidate: Candidate, packing: PackingWays) -> None:
        self._candidate = candidate
        self._digest = candidate.descriptor.digest
        self._spools = candidate.means.spools if packing.needs_spool else None
        self._least_frames = packing.least_frames
        self._decoder = packing.decoder(candidate.limits)
        self._content = hashlib.sha256()
        self._spool: SpoolWriter | None = None
        self._spool_error: Unavailable | OSError | None = None
        self._frames: list[Chunk] = []
        self._are_small = True

    @property
    def frames(self) -> list[Chunk]:
        """The blob's frames, where each can be read by itself, else nothing."""
        return self._frames if self._are_small and len(self._frames) >= self._least_frames else []

    @property
    def diff_id(self) -> Digest:
        """Digest of the content."""
        return Digest("sha256", self._content.hexdigest())

    def spooled(self) -> list[Chunk]:
        """The frames of the content's spool, which is in its place now; raises what kept it from being written."""
        if self._spool_error is not None:
            raise self._spool_error
        spool, spools = self._spool, self._spools
        if spool is None or spools is None:  # no content
            return []
        self._spool = None
        try:
            spools.keep(spool_key(self._digest, spool.frames), spool.finish())
        except (Unavailable, OSError):
            spool.drop()
            raise
        return spool.frames

    def close(self) -> None:
        """Leave nothing of a spool that is not wanted."""
        if self._spool is not None:
            self._spool.drop()

    def pieces(self) -> Generator[bytes, None, None]:
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
                self._content.update(piece)
                size += len(piece)
                if size > limit:
                    raise OverLimit(f"tar: more than {limit} bytes; expected fewer")
                self._are_small = self._are_small and size - frame.content <= _FRAME_LIMIT
                if self._are_small:
                    content.update(piece)
                self._write(piece)
                yield piece
        decoder.finish()
        self._add_frame(frame, decoder.last, content.digest())

    def _compressed(self) -> Iterator[memoryview]:
        digest = self._digest
        found = hashlib.new(digest.algorithm)
        for data in self._candidate.pieces():
            found.update(data)
            yield from cut(data)
        if found.hexdigest() != digest.hex:
            raise Corrupt(f"blob: {digest.algorithm}:{found.hexdigest()}; expected {digest}")

    def _add_frame(self, start: Frame, end: Frame, content: bytes) -> None:
        if end.content == start.content:
            return
        if len(self._frames) == _FRAMES_LIMIT:
            self._are_small = False
        if not self._are_small:
            return
        digest = Digest("sha256", content.hex())
        size = end.content - start.content
        self._frames.append(Chunk(start.content, size, start.compressed, end.compressed, digests=(digest,)))

    def _write(self, piece: bytes) -> None:
        """Into the spool; where that fails, the pass goes on: it may find that no spool is needed."""
        if self._spools is None or self._spool_error is not None:
            return
        try:
            self._spool = self._spool or self._spools.create(self._digest)
            self._spool.write(piece)
        except (Unavailable, OSError) as error:
            self._spool_error = error
            self.close()
