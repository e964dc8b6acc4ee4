"""Files that a process finds in its cache: indexes and scans, told apart from those it wrote by their check only."""

from __future__ import annotations

import gzip
import struct
import zlib
from array import array
from random import Random

from crfs_dav.errors import Corrupt
from crfs_dav.formats.chunkedfile import ChunkedFile
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.columnsfile import ColumnsFile, dump_columns, load_columns
from crfs_dav.formats.gzipindex import GzipIndex, build_gzip_index
from crfs_dav.formats.limits import DEFAULT_LIMITS
from crfs_dav.formats.scanfile import Scan, dump_scan, load_scan
from crfs_dav.formats.tarentries import TarArchive
from crfs_dav.formats.tarranges import scan_headers
from crfs_dav.formats.zstdchunked import ZSTD
from crfs_dav.names import digest_of
from crfs_dav.readers import BytesReader
from tests.fuzz.mutation import mutated
from tests.fuzz.streams import LONG_GZIP, TAR, gzip_archive
from tests.fuzz.target import Target, read_archive
from tests.support.recording import NoStore
from tests.support.zstdchunked import frame

_KEY = "key"
_FRAME = 1000  # bytes of content
_BLOBS = {"short": gzip.compress(TAR, 6, mtime=0), "long": LONG_GZIP}  # reading a long one takes milliseconds
_INDEXES = {key: build_gzip_index([blob], digest_of(blob), DEFAULT_LIMITS) for key, blob in _BLOBS.items()}


def _scan() -> tuple[bytes, ColumnsFile]:
    blob, frames = b"", []
    for start in range(0, len(TAR), _FRAME):
        content = TAR[start : start + _FRAME]
        packed = frame(content)
        frames.append(
            Chunk(start, len(content), len(blob), len(blob) + len(packed), digests=(digest_of(content),)),
        )
        blob += packed
    columns = scan_headers(BytesReader(TAR), DEFAULT_LIMITS)
    return blob, dump_scan(Scan(columns, len(TAR), digest_of(TAR), frames, is_spooled=False), "zstd")


_FRAMES, _SCAN = _scan()


def _spoiled(honest: ColumnsFile, random: Random, key: str = _KEY) -> bytes:
    """The file with another number, or other bytes, in a part or a fact, and a check that fits."""
    extra, facts = dict(honest.extra), dict(honest.facts)
    name = random.choice([*extra, *facts])
    if name in facts:
        facts[name] = mutated(facts[name].encode(), random).decode("latin-1")
    elif random.random() < 0.5 and len(extra[name]) % 8 == 0 and extra[name]:
        numbers = array("q", bytes(extra[name]))
        position, change = random.randrange(len(numbers)), random.choice((-(1 << 40), -1, 1, 1 << 20, 1 << 40, 1 << 62))
        numbers[position] = min(numbers[position] + change, (1 << 63) - 1)
        extra[name] = memoryview(numbers.tobytes())
    else:
        extra[name] = memoryview(mutated(bytes(extra[name]), random))
    return b"".join(dump_columns(ColumnsFile(honest.columns, extra, facts), key))


def _spoiled_header(random: Random) -> bytes:
    """The file with another header, and a check that fits."""
    data = b"".join(dump_columns(_SCAN, _KEY))
    magic, size, _ = struct.unpack_from("<8sII", data)
    header = mutated(data[16 : 16 + size], random)
    rest = bytes(-(16 + len(header)) % 8) + data[16 + size + -(16 + size) % 8 :]
    return struct.pack("<8sII", magic, len(header), zlib.crc32(header + rest)) + header + rest


def _spoiled_index(random: Random) -> bytes:
    key = "long" if random.random() < 0.03 else "short"
    return _spoiled(_INDEXES[key], random, key)


def _read_index(data: bytes) -> None:
    key = "long" if b'"key":"long"' in data[:100] else "short"
    read_archive(gzip_archive(GzipIndex(load_columns(memoryview(data), key)), BytesReader(_BLOBS[key])))


def _read_scan(data: bytes) -> None:
    scan = load_scan(load_columns(memoryview(data), _KEY))
    if scan is None:
        raise Corrupt("scan: none; expected one")  # which is then made again
    loader = ChunkLoader(BytesReader(_FRAMES), digest_of(_FRAMES), NoStore(), ZSTD)
    content = ChunkedFile("tar", scan.content_size, scan.frames, loader)
    read_archive(TarArchive(scan.columns, content, scan.diff_id))


KEPT = {
    "kept files": Target(
        lambda random: mutated(b"".join(dump_columns(_SCAN, _KEY)), random),
        lambda data: load_columns(memoryview(data), _KEY),
    ),
    "headers of kept files": Target(_spoiled_header, lambda data: load_columns(memoryview(data), _KEY)),
    "gzip indexes": Target(_spoiled_index, _read_index),
    "scan files": Target(lambda random: _spoiled(_SCAN, random), _read_scan),
}
