"""Gzipped tars without a TOC: one pass over the blob makes an index; then any file is one range of the blob.

Most blobs of all registries. What has the annotations of a TOC, or a footer that leads to one, is not opened here; it
may be one of these nevertheless, and is read as such where its TOC is broken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt
from crfs_dav.formats.candidate import TAIL_SIZE, Candidate, Means, read_candidate
from crfs_dav.formats.chunkedfile import ChunkedFile
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.columnsfile import ColumnsFile
from crfs_dav.formats.gzipindex import GzipIndex
from crfs_dav.formats.gzipmember import GZIP_WBITS, MAGIC, PIECE, cut, engine, inflate_piece
from crfs_dav.formats.indexing import IndexJob, Pieces, run_elsewhere, run_here
from crfs_dav.formats.progress import Progress
from crfs_dav.formats.streamed import open_streamed
from crfs_dav.formats.tarentries import TarArchive
from crfs_dav.formats.zran import NoCheckpoints
from crfs_dav.names import Digest
from crfs_dav.oci import Descriptor, toc_annotations
from crfs_dav.readers import ReaderAt, stream

logger = logging.getLogger(__name__)

_WHAT = "targz-1"
_SNIFF_SIZE = PIECE  # compressed bytes; stargz's first member, the headers before the first content, takes less
_SNIFF_LIMIT = 16 << 20  # bytes of their content
_HERE_SIZE = TAIL_SIZE  # bytes of a blob that are not worth a process

OpenPieces = Callable[[], Generator[bytes, None, None] | None]
"""A blob's bytes, from one question to its source; None where the first of them show that it is not to be read."""


def open_kept_targz(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in the blob, without a read of it, where `means.columns` has its index; else None."""
    if toc_annotations(descriptor) or means.passes is None:
        return None
    layer = _Layer(blob, descriptor, means)
    index = layer.kept()
    return None if index is None else layer.archive(index)


def open_unlabelled_targz(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in a large blob of which nobody says that it has a TOC, with one question to the blob's source.

    None for what the first bytes show to be something else, or to be what may end in a TOC: gzip of several members.
    Raises as `open_targz`.
    """
    media_type = descriptor.media_type
    is_other = toc_annotations(descriptor) or "zstd" in media_type or media_type.endswith(".tar")
    if is_other or blob.size <= TAIL_SIZE or means.passes is None:
        return None

    def pieces() -> Generator[bytes, None, None] | None:
        arriving = stream(blob)
        first = _first(arriving)
        if not _is_one_member(first):
            arriving.close()
            return None
        return _rest(first, arriving)

    return _open(_Layer(blob, descriptor, means), pieces)


def open_targz(candidate: Candidate) -> Archive | None:
    """The archive in the blob; None for what is not gzip.

    Raises Corrupt for gzip that holds no tar, OverLimit, and Unavailable while the pass over the blob goes on.
    """
    if not candidate.head.startswith(MAGIC):
        return None
    layer = _Layer(candidate.blob, candidate.descriptor, candidate.means)
    return _open(layer, lambda: _whole(candidate))


@dataclass(frozen=True, slots=True)
class _Layer:
    """A blob to be indexed."""

    blob: ReaderAt
    descriptor: Descriptor
    means: Means

    @property
    def digest(self) -> Digest:
        return self.descriptor.digest

    def archive(self, index: GzipIndex) -> Archive:
        loader = ChunkLoader(self.blob, self.digest, self.means.chunks, index.spans, ahead=self.means.ahead)
        content = ChunkedFile("tar", index.spans.content_size, index.spans, loader)
        return TarArchive(index.columns, content, index.diff_id)

    def kept(self) -> GzipIndex | None:
        """The index, where there is one, and a sound one."""
        file = self.means.columns.load(self.digest, _WHAT)
        try:
            return None if file is None else GzipIndex(file)
        except Corrupt as error:
            logger.warning("layer %s: %s; making its index again", self.digest, error)
            return None

    def indexed(self, open_pieces: OpenPieces, progress: Progress) -> GzipIndex | None:
        """The index, made here or by another process meanwhile; None where `open_pieces` gives nothing."""
        progress.wait_for_others()
        with self.means.columns.building(self.digest, _WHAT):
            progress.begin()
            index = self.kept()
            if index is not None:
                return index
            pieces = open_pieces()
            return None if pieces is None else GzipIndex(self._build(pieces, progress))

    def _build(self, pieces: Generator[bytes, None, None], progress: Progress) -> ColumnsFile:
        def work(path: str | None) -> Pieces | None:
            key, size = f"{self.digest}/{_WHAT}", self.blob.size
            job = IndexJob(key, str(self.digest), size, self.means.limits, path)
            if size <= _HERE_SIZE:
                return run_here(job, pieces)
            index = run_elsewhere(job, progress.counted(pieces, size), progress.add)
            return None if index is None else [index]

        with closing(pieces):
            return self.means.columns.build(self.digest, _WHAT, work)


def _open(layer: _Layer, open_pieces: OpenPieces) -> Archive | None:
    index, passes = layer.kept(), layer.means.passes
    if index is None and passes is not None:
        try:
            progress, subject = Progress(), f"layer {layer.digest} of {layer.means.source}"
            index = passes.run(subject, lambda: layer.indexed(open_pieces, progress), progress)
        except NoCheckpoints as error:
            logger.info("layer %s: %s; reading it through a spool", layer.digest, error)
            return open_streamed(read_candidate(layer.blob, layer.descriptor, layer.means), "gzip")
        except Corrupt as error:
            raise type(error)(f"layer {layer.digest}: {error}") from None
    return None if index is None else layer.archive(index)


def _whole(candidate: Candidate) -> Generator[bytes, None, None]:
    """The blob, out of its tail where that has all of it."""
    if len(candidate.tail) == candidate.blob.size:
        yield candidate.tail
    else:
        yield from stream(candidate.blob)


def _first(arriving: Iterator[bytes]) -> bytes:
    """As many bytes as tell what a blob is, at least, if it has them."""
    first = bytearray()
    for piece in arriving:
        first += piece
        if len(first) >= _SNIFF_SIZE:
            break
    return bytes(first)


def _rest(first: bytes, arriving: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    with closing(arriving):
        yield first
        yield from arriving


def _is_one_member(first: bytes) -> bool:
    """True if the gzip member that a blob begins with goes on; false for what is not gzip."""
    if not first.startswith(MAGIC):
        return False
    decoder = engine.decompressobj(GZIP_WBITS)
    size = 0
    for data in cut(first):
        for piece in inflate_piece(decoder, data):
            size += len(piece)
            if size > _SNIFF_LIMIT:
                return True
    return not decoder.eof
