"""Layers that are read through: gzip and zstd from their starts to their ends, tars inside them, and reading again."""

from __future__ import annotations

import gzip
import zlib
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.chunkedfile import ChunkedFile
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.gzipindex import GzipIndex, build_gzip_index
from crfs_dav.formats.limits import MIB
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.formats.tarentries import TarArchive
from crfs_dav.formats.zran import NoCheckpoints
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader, ReaderAt
from tests.fuzz.mutation import mutated
from tests.fuzz.target import LIMITS, Target, read_archive
from tests.support.archives import dir_, file, hardlink, tar_of
from tests.support.recording import NoStore
from tests.support.zstdchunked import frame, skippable

TAR = tar_of(dir_("d/"), file("d/f", b"content" * 300), hardlink("h", "d/f"), file("z", bytes(range(256))))


def _deflated(tar: bytes, level: int, strategy: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, 31, 8, strategy)
    halves = packer.compress(tar[:1500]) + packer.flush(zlib.Z_FULL_FLUSH) + packer.compress(tar[1500:])
    return halves + packer.flush()


def _flushed(tar: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = (
        packer.compress(tar[start : start + MIB // 4]) + packer.flush(zlib.Z_BLOCK)
        for start in range(0, len(tar), MIB // 4)
    )
    return b"".join(parts) + packer.flush()


_GZIPS = [
    gzip.compress(TAR, 6, mtime=0),
    gzip.compress(TAR[:2000], 1, mtime=0) + gzip.compress(TAR[2000:], 9, mtime=0) + bytes(20),
    _deflated(TAR, 6, zlib.Z_FIXED),
    _deflated(TAR, 9, zlib.Z_HUFFMAN_ONLY),
    _deflated(TAR, 0, zlib.Z_DEFAULT_STRATEGY),
]
LONG_GZIP = _flushed(tar_of(file("zeros", bytes(3 * MIB)), file("z", b"end")))  # several spans; some milliseconds
_ZSTDS = [
    frame(TAR),
    skippable(b"1234") + b"".join(frame(TAR[start : start + 1000]) for start in range(0, len(TAR), 1000)),
]


def _index_and_read(blob: bytes) -> None:
    try:
        index = GzipIndex(build_gzip_index([blob], digest_of(blob), LIMITS))
    except NoCheckpoints:  # for whom it is caught: then it goes through a spool
        return
    read_archive(gzip_archive(index, BytesReader(blob)))


def gzip_archive(index: GzipIndex, blob: ReaderAt) -> TarArchive:
    """The archive that `blob` is by this index."""
    loader = ChunkLoader(blob, digest_of(b"layer"), NoStore(), index.spans)
    content = ChunkedFile("tar", index.spans.content_size, index.spans, loader)
    return TarArchive(index.columns, content, index.diff_id)


@cache
def _spools() -> tuple[Spools, TemporaryDirectory[str]]:
    folder = TemporaryDirectory()
    return Spools(MappedFiles(Path(folder.name), 8 * MIB)), folder


def _read_through(blob: bytes) -> None:
    means = Means(NoStore(), _spools()[0], LIMITS, passes=Passes(patience_seconds=60))
    read_archive(open_archive(BytesReader(blob), Descriptor("", digest_of(blob), len(blob)), means))


def _gzip(random: Random) -> bytes:
    return mutated(LONG_GZIP if random.random() < 0.03 else random.choice(_GZIPS), random)


def _spoiled_tar(random: Random) -> bytes:
    """Sound gzip around what is no sound tar."""
    return gzip.compress(mutated(TAR, random, fix_checksums=True), 1, mtime=0)


STREAMS = {
    "gzip streams": Target(_gzip, _index_and_read),
    "gzipped tars": Target(_spoiled_tar, _index_and_read),
    "zstd streams": Target(lambda random: mutated(random.choice(_ZSTDS), random), _read_through),
    "zstd of tars": Target(lambda random: frame(mutated(TAR, random, fix_checksums=True)), _read_through),
    "tars, verified": Target(lambda random: mutated(TAR, random, fix_checksums=True), _read_through),
}
