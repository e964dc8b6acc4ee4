"""Layers that are read through once, from their start to their end; then files are read from what was learnt.

What was packed in one go (a gzip member, a zstd frame) has no place to begin but its start: its content goes into a
spool on disk, and is read there. A zstd blob of many small frames (pzstd, the seekable format) is read by ranges, one
frame at a time, once it is known where they lie; and so is a tar that is not packed, whose frames are but pieces with
a digest each.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt, Unavailable
from crfs_dav.formats.candidate import Candidate, Means
from crfs_dav.formats.chunkcodec import ChunkCodec
from crfs_dav.formats.chunkedfile import ChunkedFile
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.packings import PACKINGS
from crfs_dav.formats.passage import Passage
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.scanfile import Packing, Scan, dump_scan, load_scan, parse_packing
from crfs_dav.formats.spool import Spools, spool_key
from crfs_dav.formats.tarentries import PieceStream, TarArchive, scan_tar
from crfs_dav.formats.zstdchunked import ZSTD
from crfs_dav.names import Digest
from crfs_dav.oci import Descriptor, toc_annotations
from crfs_dav.readers import ReaderAt

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
_WHAT = "streamed-2"


def open_streamed(candidate: Candidate, packing: Packing) -> Archive | None:
    """The archive whose tar is packed in the blob; None where it may not be read through. Raises Corrupt.

    Raises Unavailable while the pass over the blob goes on.
    """
    means, needs_spool = candidate.means, PACKINGS[packing].needs_spool
    if means.passes is None or (needs_spool and means.spools is None):
        return None
    stream = _Stream(candidate, means.passes, packing)
    scan = stream.kept() or stream.scanned()
    if scan.is_spooled and means.spools is not None:
        return TarArchive(scan.columns, _SpooledContent(stream, scan, means.spools), scan.diff_id)
    return TarArchive(scan.columns, stream.content(scan, candidate.blob, PACKINGS[packing].codec), scan.diff_id)


def open_kept_streamed(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in the blob, without a read of it, where `means.columns` has what a pass found; else None.

    Its content, where it cannot be read frame by frame and its spool is gone, is unpacked once more when somebody
    reads a file.
    """
    packing = kept_packing(descriptor, means)
    return None if packing is None else open_streamed(Candidate(blob, descriptor, b"", means), packing)


def kept_packing(descriptor: Descriptor, means: Means) -> Packing | None:
    """How a blob is packed of which `means.columns` has what a pass found; else None."""
    file = None if toc_annotations(descriptor) else means.columns.load(descriptor.digest, _WHAT)
    return None if file is None else parse_packing(file)


@dataclass(frozen=True, slots=True)
class _Stream:
    """A blob to be read through."""

    candidate: Candidate
    passes: Passes
    packing: Packing

    @property
    def digest(self) -> Digest:
        return self.candidate.descriptor.digest

    def kept(self) -> Scan | None:
        """What a pass found before, in this process or another."""
        file = self.candidate.means.columns.load(self.digest, _WHAT)
        return None if file is None else load_scan(file)

    def scanned(self) -> Scan:
        """What the pass finds, made once for all who ask at the same time."""
        return self.passes.run(f"{self.digest}/{_WHAT} {self.candidate.means.source}", self._scanned)

    def content(self, scan: Scan, frames: ReaderAt, codec: ChunkCodec) -> ChunkedFile:
        """The tar's bytes, verified, out of the scan's frames."""
        means = self.candidate.means
        loader = ChunkLoader(frames, self.digest, means.chunks, codec, ahead=means.ahead)
        return ChunkedFile("tar", scan.content_size, scan.frames, loader)

    def _scanned(self) -> Scan:
        columns = self.candidate.means.columns
        with columns.building(self.digest, _WHAT):
            scan = self.kept()  # another process may have made it meanwhile
            if scan is None or not self._is_readable(scan):
                scan = self._pass()
                scan = load_scan(columns.save(self.digest, _WHAT, dump_scan(scan, self.packing))) or scan
            return scan

    def _is_readable(self, scan: Scan) -> bool:
        spools = self.candidate.means.spools
        return not scan.is_spooled or (
            spools is not None and spools.find(spool_key(self.digest, scan.frames)) is not None
        )

    def _pass(self) -> Scan:
        passage = Passage(self.candidate, PACKINGS[self.packing])
        with closing(passage), closing(passage.pieces()) as pieces:
            stream = PieceStream(pieces)
            try:
                columns = scan_tar(stream, self.candidate.limits)
                stream.drain()
            except Corrupt as error:
                raise type(error)(f"layer {self.digest}: {error}") from None
            in_blob = passage.frames
            frames = in_blob or passage.spooled()
            return Scan(columns, stream.offset, passage.diff_id, frames, not in_blob)


class _SpooledContent:
    """The tar's bytes out of a spool, which is filled again where it had to go or is broken: a `ReaderAt`."""

    def __init__(self, stream: _Stream, scan: Scan, spools: Spools) -> None:
        self._stream = stream
        self._spools = spools
        self._spooled = (scan, spool_key(stream.digest, scan.frames))  # replaced, never changed

    @property
    def size(self) -> int:
        """Bytes of the tar."""
        return self._spooled[0].content_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, verified, fewer only at the end; raises Corrupt, Unavailable."""
        scan, key = self._spooled
        spool = self._spools.find(key)
        if spool is not None:
            try:
                return self._stream.content(scan, spool, ZSTD).read_at(offset, size)
            except Corrupt as error:
                logger.warning("%s; making its spool again", error)
                self._spools.discard(key, spool)
        return self._read_anew(offset, size)

    def _read_anew(self, offset: int, size: int) -> bytes:
        scan = self._stream.scanned()
        key = spool_key(self._stream.digest, scan.frames)
        self._spooled = (scan, key)
        spool = self._spools.find(key)
        if spool is None:
            text = f"layer {self._stream.digest}: no room for its spool; expected some"
            raise Unavailable(text, retry_after_seconds=_RETRY_SECONDS)
        return self._stream.content(scan, spool, ZSTD).read_at(offset, size)
