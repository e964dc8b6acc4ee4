"""zstd:chunked: both dialects, all footers, and what is wrong with some."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.errors import Corrupt, CrfsError
from crfs_dav.formats.candidate import Means, tail_size
from crfs_dav.formats.columnstore import ColumnStore
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.tocarchive import TocArchive
from crfs_dav.formats.zstdchunked import Position, parse_footer
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader, ReaderAt
from tests.support.recording import DictStore, RecordingReader
from tests.support.stargz import content, names_of, sha256
from tests.support.zstdchunked import CONTAINERS, OLD, Dialect, Footer, ZstdCrafter, footer, frame, skippable

DIALECTS: tuple[Dialect, ...] = ("containers", "stargz-snapshotter")
NOISE = random.Random(5).randbytes(3 * MIB)


def open_blob(
    blob: bytes | ReaderAt, annotations: Mapping[str, str] | None = None, *, limits: Limits | None = None
) -> TocArchive:
    reader = BytesReader(blob) if isinstance(blob, bytes) else blob
    digest = digest_of(reader.read_at(0, reader.size))
    if isinstance(reader, RecordingReader):
        reader.reads.clear()
    descriptor = Descriptor("application/vnd.oci.image.layer.v1.tar+zstd", digest, reader.size, annotations or {})
    archive = open_archive(reader, descriptor, Means(DictStore(), limits=limits or Limits()))
    assert isinstance(archive, TocArchive)
    return archive


def sample(dialect: Dialect) -> ZstdCrafter:
    crafter = ZstdCrafter(dialect).dir("etc/").file("etc/passwd", b"root:x:0:0\n").file("empty")
    return crafter.file("chunked", b"a" * 70_000, b"b" * 10, b"c" * 90_000).file("last", b"end")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("family", [CONTAINERS, OLD])
def test_reads_both_dialects_by_either_family_of_annotations(dialect: Dialect, family: str) -> None:
    archive = open_blob(*sample(dialect).build(family=family))
    assert names_of(archive) == ["etc/", "etc/passwd", "empty", "chunked", "last"]
    assert content(archive, 1) == b"root:x:0:0\n"
    assert content(archive, 2) == b""
    assert content(archive, 3) == b"a" * 70_000 + b"b" * 10 + b"c" * 90_000
    assert content(archive, 4) == b"end"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", [40, 56, 64])
def test_reads_by_the_footer_where_nothing_is_annotated(dialect: Dialect, size: Footer) -> None:
    blob, _ = sample(dialect).build(footer_size=size)
    assert content(open_blob(blob), 4) == b"end"


@pytest.mark.parametrize("size", [40, 56, 64])
@pytest.mark.parametrize("offset", [9, 1 << 32, (1 << 64) - 1])
def test_a_footer_says_where_its_manifest_lies(size: Footer, offset: int) -> None:
    assert parse_footer(b"blob" + footer(offset, 7, 9, size)) == Position(offset, 7)


@pytest.mark.parametrize("tail", [b"", b"GnUlInUx", skippable(bytes(40)), frame(b"tar")[-40:], footer(9, 7, 9)[1:]])
def test_what_is_no_footer_is_none(tail: bytes) -> None:
    assert parse_footer(tail) is None


def test_one_read_of_the_tail_brings_footer_and_manifest() -> None:
    blob, annotations = ZstdCrafter().file("noise", NOISE).build()
    reader = RecordingReader(blob)
    open_blob(reader, annotations)
    assert reader.reads == [(len(blob) - tail_size(len(blob)), tail_size(len(blob)))]


def test_a_manifest_larger_than_the_tail_takes_one_more_read() -> None:
    crafter = ZstdCrafter()
    for number in range(16_000):
        crafter.dir(f"{random.Random(number).randbytes(100).hex()}/")
    blob, annotations = crafter.build()
    reader = RecordingReader(blob)
    assert len(open_blob(reader, annotations).entries) == 16_000
    assert len(reader.reads) == 2


def test_zeros_are_not_fetched() -> None:
    chunks = (NOISE[:70_000], bytes(3 * MIB), NOISE[70_000 : 2 * MIB])
    blob, annotations = ZstdCrafter().file("holes", *chunks, holes=(1,)).build()
    reader = RecordingReader(blob)
    file = open_blob(reader, annotations).open(0)
    reader.reads.clear()
    assert file.read_at(80_000, MIB) == bytes(MIB)
    assert reader.reads == []
    assert file.read_at(0, file.size) == b"".join(chunks)
    assert file.read_at(69_990, 20) == chunks[0][-10:] + bytes(10)


def test_a_huge_hole_costs_only_what_is_read() -> None:
    crafter = ZstdCrafter().file("holes", b"start", b"0", holes=(1,))
    crafter.entries[0]["size"] = (1 << 50) + 5
    crafter.entries[1]["chunkSize"] = 1 << 50
    file = open_blob(*crafter.build()).open(0)
    assert file.read_at(1 << 49, 10) == bytes(10)


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=20), st.data())
@settings(max_examples=40, deadline=None)
def test_any_range_of_any_cut_is_the_slice(chunks: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(chunks)
    file = open_blob(*ZstdCrafter(data.draw(st.sampled_from(DIALECTS))).file("f", *chunks).build()).open(0)
    offset = data.draw(st.integers(0, len(whole)))
    size = data.draw(st.integers(0, len(whole)))
    assert file.read_at(offset, size) == whole[offset : offset + size]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_that_json_cannot_spell_come_from_the_tar_headers(dialect: Dialect) -> None:
    crafter = ZstdCrafter(dialect).file("first", b"1").file("b\ufffd", b"22", raw_name=b"b\xff")
    crafter.file("c\ufffd", b"3" * 600, raw_name=b"c\xfe").dir("plain/").file("d\ufffd", b"4", raw_name=b"d\xfd")
    archive = open_blob(*crafter.build())
    assert names_of(archive) == ["first", "b\udcff", "c\udcfe", "plain/", "d\udcfd"]
    assert content(archive, 1) == b"22"


def test_without_any_digest_the_frames_checksum_is_checked() -> None:
    crafter = ZstdCrafter().file("f", b"content" * 100, digest=None)
    blob, annotations = crafter.build()
    assert content(open_blob(blob, annotations), 0) == b"content" * 100
    at = crafter.entries[0]["endOffset"] - 1
    broken = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
    with pytest.raises(Corrupt, match="zstd frame"):
        content(open_blob(broken, annotations), 0)


def test_without_digest_and_checksum_nothing_is_believed() -> None:
    blob, annotations = ZstdCrafter(checksums=False).file("f", b"content", digest=None).build()
    with pytest.raises(Corrupt, match="no checksum; expected one where no digest is given"):
        content(open_blob(blob, annotations), 0)


def test_a_chunk_with_another_digest_is_corrupt() -> None:
    blob, annotations = ZstdCrafter().file("f", b"content", digest=sha256(b"other")).build()
    with pytest.raises(Corrupt, match="expected sha256"):
        content(open_blob(blob, annotations), 0)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (f"{CONTAINERS}manifest-checksum", sha256(b""), "by the layer's annotation"),
        (f"{CONTAINERS}manifest-position", "1:2", "expected offset:size:size:1"),
        (f"{CONTAINERS}manifest-position", "-1:2:3:1", "expected offset:size:size:1"),
        (f"{CONTAINERS}manifest-position", "9000:2:3:1", "expected them within"),
        (f"{CONTAINERS}manifest-position", "8:2:3:1", "expected them within"),
        ("containerd.io/snapshot/stargz/toc.digest", sha256(b""), "decoded; expected"),
    ],
)
def test_annotations_that_do_not_fit_are_corrupt(key: str, value: str, message: str) -> None:
    blob, annotations = ZstdCrafter("stargz-snapshotter").file("f", b"content").build()
    with pytest.raises(Corrupt, match=message):
        open_blob(blob, {**annotations, key: value})


@pytest.mark.parametrize(
    ("document", "limits", "message"),
    [
        (b"{", Limits(), "expected JSON"),
        (b'{"entries":[' + b" " * 4096 + b"]}", Limits(toc_inflated=4000), "more than 4000 bytes decoded"),
        (b'{"entries":[]}', Limits(toc_compressed=10), "expected at most 10"),
    ],
)
def test_a_manifest_beyond_its_bounds_is_corrupt(document: bytes, limits: Limits, message: str) -> None:
    blob, annotations = ZstdCrafter().build(document=document)
    with pytest.raises(Corrupt, match=message):
        open_blob(blob, annotations, limits=limits)


def test_a_window_above_128_mib_is_refused() -> None:
    huge = bytes.fromhex("28b52ffd00") + bytes([(28 - 10) << 3]) + bytes.fromhex("010000")
    crafter = ZstdCrafter().file("f", b"x")
    start = crafter.entries[0]["offset"]
    blob, annotations = crafter.build()
    broken = blob[:start] + huge + blob[start + len(huge) :]
    with pytest.raises(Corrupt, match="zstd frame"):
        content(open_blob(broken, annotations), 0)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_broken_bytes_raise_only_our_errors_and_never_give_wrong_ones(data: st.DataObject) -> None:
    crafter = ZstdCrafter(data.draw(st.sampled_from(DIALECTS))).file("f", b"one" * 50, b"two" * 60).file("g", b"g" * 99)
    blob, annotations = crafter.build()
    broken = bytearray(blob)
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(0, len(blob)))
    _check_truth(bytes(broken), annotations)
    _check_truth(blob[:size], annotations)


def _check_truth(blob: bytes, annotations: Mapping[str, Any]) -> None:
    try:
        archive = open_blob(blob, annotations)
        assert content(archive, 0) == b"one" * 50 + b"two" * 60
        assert content(archive, 1) == b"g" * 99
    except CrfsError:
        pass


@pytest.mark.parametrize("dialect", ["stargz-snapshotter", "containers"])
def test_a_manifest_with_a_checksum_is_read_once_for_all_restarts(dialect: Dialect, tmp_path: Path) -> None:
    blob, annotations = ZstdCrafter(dialect).dir("etc/").file("etc/passwd", b"root").build()
    descriptor = Descriptor("", digest_of(blob), len(blob), annotations)
    columns = ColumnStore(MappedFiles(tmp_path, 1 << 20))
    assert open_archive(RecordingReader(blob), descriptor, Means(DictStore(), columns=columns)) is not None
    again = RecordingReader(blob)
    archive = open_archive(again, descriptor, Means(DictStore(), columns=columns))

    assert archive is not None
    assert again.reads == []
    assert archive.open(1).read_at(0, 10) == b"root"


def test_a_manifest_that_other_annotations_speak_of_is_read_again(tmp_path: Path) -> None:
    blob, annotations = ZstdCrafter().file("etc/passwd", b"root").build()
    columns = ColumnStore(MappedFiles(tmp_path, 1 << 20))
    for checksum in ("0" * 64, "1" * 64):
        lying = {**annotations, f"{CONTAINERS}manifest-checksum": f"sha256:{checksum}"}
        with pytest.raises(Corrupt, match="manifest: sha256"):
            open_archive(
                RecordingReader(blob),
                Descriptor("", digest_of(blob), len(blob), lying),
                Means(DictStore(), columns=columns),
            )
