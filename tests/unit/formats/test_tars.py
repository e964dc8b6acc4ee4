"""Tars without a TOC, gzipped or not: told by their bytes, read through once, then read from the spool."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crfs_dav.archive import Archive
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.errors import Corrupt, CrfsError, Underway
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.chunkedfile import ChunkedFile
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.columnstore import ColumnStore, NoFiles
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.gzipindex import GzipIndex, build_gzip_index
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.patience import patience
from crfs_dav.readers import expecting
from tests.support.archives import dir_, file, link, tar_of
from tests.support.recording import DictStore, RecordingReader, SlowReader

NOISE = random.Random(3).randbytes(3 * MIB)
TAR = tar_of(dir_("etc/"), file("etc/passwd", b"root:x"), file("noise", NOISE), link("l", "noise"), file("z", b"end"))
GZIP = gzip.compress(TAR, 1, mtime=0)
MEMBERS = b"".join(gzip.compress(TAR[start : start + 100_000], 1, mtime=0) for start in range(0, len(TAR), 100_000))
BLOBS = {
    "one member": GZIP,
    "many members, as pigz -i and bgzip write": MEMBERS,
    "zeros after the last member": GZIP + bytes(1000),
    "trash after the last member": GZIP + b"trash",
    "zeros between members": gzip.compress(TAR[:100_000], 1) + bytes(7) + gzip.compress(TAR[100_000:], 1),
}


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(MappedFiles(tmp_path / "spool", 64 * MIB))


def opened(blob: RecordingReader, spools: Spools | None, digest: str | None = None) -> Archive | None:
    data = blob.read_at(0, blob.size)
    descriptor = Descriptor("text/plain", digest_of(data if digest is None else digest.encode()), blob.size)
    return open_archive(blob, descriptor, Means(DictStore(), spools, passes=Passes()))


def contents(archive: Archive) -> dict[str, bytes]:
    files = [position for position, entry in enumerate(archive.entries) if entry.size]
    return {archive.entries[each].name: archive.open(each).read_at(0, 1 << 30) for each in files}


@pytest.mark.parametrize("blob", BLOBS.values(), ids=BLOBS)
def test_files_are_read_whatever_the_media_type_says(blob: bytes, spools: Spools) -> None:
    archive = opened(RecordingReader(blob), spools)

    assert archive is not None
    assert [entry.name for entry in archive.entries] == ["etc/", "etc/passwd", "noise", "l", "z"]
    assert contents(archive) == {"etc/passwd": b"root:x", "noise": NOISE, "z": b"end"}
    assert archive.entries[2].digest == digest_of(NOISE)


@pytest.mark.parametrize("blob", [GZIP, MEMBERS], ids=["one member", "many members"])
def test_gzip_is_read_by_one_range_a_file_after_the_one_pass(blob: bytes, spools: Spools) -> None:
    reader = RecordingReader(blob)
    archive = opened(reader, spools)
    assert archive is not None
    reader.reads.clear()
    assert archive.open(2).read_at(0, len(NOISE)) == NOISE

    assert len(reader.reads) == 1


@pytest.mark.parametrize("blob", [b"", b"x", b"PK\3\4" + bytes(2000), b"#!/bin/sh\n" * 100])
def test_what_is_no_tar_by_its_bytes_is_no_archive(blob: bytes, spools: Spools) -> None:
    assert opened(RecordingReader(blob), spools) is None


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (GZIP[:-100], "no end; expected a whole member"),
        (GZIP[:-8] + bytes(8), "gzip member: .*CRC"),
        (gzip.compress(TAR[: len(TAR) // 2]), "tar: "),
        (gzip.compress(b"no tar" * 1000), "tar"),
        (TAR[: len(TAR) // 2], "tar: "),
    ],
    ids=["cut", "checksum", "tar cut", "no tar", "plain tar cut"],
)
def test_broken_layers_are_corrupt(blob: bytes, message: str, spools: Spools) -> None:
    with pytest.raises(Corrupt, match=message):
        opened(RecordingReader(blob), spools)


def test_a_blob_that_is_not_its_digest_is_corrupt(spools: Spools) -> None:
    with pytest.raises(Corrupt, match="expected sha256"):
        opened(RecordingReader(GZIP), spools, digest="other")


def test_a_pass_over_what_one_source_sends_speaks_for_no_other() -> None:
    broken = bytearray(GZIP)
    broken[2 * MIB] ^= 1
    lie, descriptor = SlowReader(bytes(broken)), Descriptor("", digest_of(GZIP), len(GZIP))
    liar = Means(DictStore(), passes=Passes(), source="liar")
    with patience(0.01), pytest.raises(Underway):
        open_archive(lie, descriptor, liar)
    lie.gate.set()

    archive = open_archive(RecordingReader(GZIP), descriptor, replace(liar, source="honest"))
    assert archive is not None
    assert contents(archive)["noise"] == NOISE


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_broken_bytes_raise_only_our_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    tar = tar_of(file("f", b"content" * 30), file("g", b"g"))
    broken = bytearray(data.draw(st.sampled_from([tar, gzip.compress(tar, mtime=0)])))
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(3, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        archive = opened(RecordingReader(bytes(broken)), Spools(MappedFiles(tmp_path_factory.mktemp("spool"), MIB)))
    except CrfsError:
        return
    if archive is not None:
        contents(archive)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_range_of_a_gzipped_file_is_the_slice(data: st.DataObject) -> None:
    blob = data.draw(st.sampled_from([GZIP, MEMBERS]))
    descriptor = Descriptor("", digest_of(blob), len(blob))
    archive = open_archive(RecordingReader(blob), descriptor, Means(DictStore(), columns=INDEXES, passes=Passes()))
    assert archive is not None
    reader = archive.open(2)
    offset, size = data.draw(st.integers(0, len(NOISE))), data.draw(st.integers(0, len(NOISE)))
    if data.draw(st.booleans()):
        reader = expecting(reader, offset + size)
    assert reader.read_at(offset, size) == NOISE[offset : offset + size]


class _Files(NoFiles):
    def __init__(self) -> None:
        self._files: dict[str, memoryview] = {}

    def get(self, key: str) -> memoryview | None:
        return self._files.get(key)

    def put(self, key: str, pieces: Sequence[bytes | memoryview]) -> None:
        self._files[key] = memoryview(b"".join(pieces))


INDEXES = ColumnStore(_Files())


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_broken_index_is_made_again_or_raises_only_our_errors(data: st.DataObject) -> None:
    """As if its check had passed: a folder that others may write to."""
    parts = {name: bytearray(part) for name, part in INDEX.extra.items()}
    for _ in range(data.draw(st.integers(1, 4))):
        part = parts[data.draw(st.sampled_from(sorted(parts)))]
        if part and data.draw(st.booleans()):
            part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
        elif part:
            del part[data.draw(st.integers(0, len(part) - 1)) :]
    try:
        index = GzipIndex(replace(INDEX, extra={name: memoryview(bytes(part)) for name, part in parts.items()}))
        loader = ChunkLoader(RecordingReader(GZIP), digest_of(GZIP), DictStore(), index.spans)
        ChunkedFile("tar", index.spans.content_size, index.spans, loader).read_at(1_000_000, 200_000)
    except CrfsError:
        return


INDEX = build_gzip_index([GZIP], digest_of(GZIP), Limits())
