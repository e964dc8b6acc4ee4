"""Uncompressed tars: headers by ranges, payloads passed over, files by exact ranges."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt, CrfsError
from crfs_dav.formats.candidate import Means, tail_size
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.tarranges import RangeStream
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader
from tests.support.archives import dir_, file, link, tar_of
from tests.support.recording import DictStore, RecordingReader

NOISE = random.Random(5).randbytes(8 * MIB)
TAR = tar_of(dir_("d/"), file("d/big", NOISE), link("l", "d/big"), file("huge", NOISE * 3), file("z", b"end"))
BY_RANGES = Limits(verified_tar=0)
HEADERS = [0, 512, 1024 + len(NOISE), 1536 + len(NOISE), 2048 + 4 * len(NOISE)]


def opened(blob: RecordingReader, *, limits: Limits | None = None, passes: Passes | None = None) -> Archive:
    descriptor = Descriptor("", digest_of(b"any"), blob.size)
    archive = open_archive(blob, descriptor, Means(DictStore(), limits=limits or BY_RANGES, passes=passes))
    assert archive is not None
    return archive


def test_headers_are_read_and_payloads_passed_over() -> None:
    blob = RecordingReader(TAR)
    archive = opened(blob)

    assert [entry.name for entry in archive.entries] == ["d/", "d/big", "l", "huge", "z"]
    assert [entry.size for entry in archive.entries] == [0, len(NOISE), 0, 3 * len(NOISE), 3]
    assert blob.reads[0] == (
        len(TAR) - tail_size(len(TAR)),
        tail_size(len(TAR)),
    )  # the tail, for a footer that is not there
    assert {(offset, size) for offset, size in blob.reads[1:] if size == 512} == {(0, 512)}  # which format it is
    assert [offset for offset, size in blob.reads[1:] if size > 512] == [0, HEADERS[2], HEADERS[4]]
    assert sum(size for _, size in blob.reads) < 3 * MIB


def test_each_file_is_one_exact_range() -> None:
    blob = RecordingReader(TAR)
    archive = opened(blob)
    blob.reads.clear()

    assert archive.open(1).read_at(5, 10) == NOISE[5:15]
    assert archive.open(4).read_at(0, 100) == b"end"
    assert blob.reads == [(1024 + 5, 10), (2560 + 4 * len(NOISE), 3)]


def test_many_small_files_are_read_in_ever_larger_ranges() -> None:
    blob = RecordingReader(tar_of(*(file(f"{number:06}", bytes(600)) for number in range(20_000))))
    archive = opened(blob)

    assert len(archive.entries) == 20_000
    assert len([size for _, size in blob.reads if size > 512]) < 12


def test_the_scan_leaves_the_request_when_it_takes_long() -> None:
    archive = opened(RecordingReader(TAR), passes=Passes())

    assert archive.open(4).read_at(0, 3) == b"end"


@pytest.mark.parametrize("size", [100, 512 + 100, 1024 + 5, 1024 + len(NOISE) + 5, len(TAR) // 2])
def test_a_tar_that_ends_early_is_corrupt(size: int) -> None:
    tar = TAR[:size].ljust(512, b"\0") if size < 512 else TAR[:size]
    if size < 512:
        tar = tar[:257] + b"ustar" + tar[262:]
    with pytest.raises(Corrupt, match=r"^layer sha256:[0-9a-f]*: tar: "):
        opened(RecordingReader(tar))


def test_a_tar_of_too_many_entries_is_over_its_limit() -> None:
    with pytest.raises(Corrupt, match="more than 2 entries"):
        opened(RecordingReader(TAR), limits=Limits(entries=2, verified_tar=0))


def test_names_of_owners_and_attributes_that_are_no_text_are_shown_as_text() -> None:
    odd = file("f").owned(1, 2, b"m\xe9", b"us").with_records({"SCHILY.xattr.user.\udce9": b"\xff"})
    (entry,) = opened(RecordingReader(tar_of(odd))).entries

    assert (entry.user_name, entry.group_name) == ("m\ufffd", "us")
    assert dict(entry.xattrs) == {"user.\ufffd": b"\xff"}


@given(st.data())
def test_whatever_is_broken_raises_only_our_errors(data: st.DataObject) -> None:
    tar = bytearray(tar_of(file("f", b"content" * 30), dir_("d/"), file("g", b"g")))
    for _ in range(data.draw(st.integers(1, 3))):
        tar[data.draw(st.integers(0, len(tar) - 1))] = data.draw(st.integers(0, 255))
    try:
        archive = opened(RecordingReader(bytes(tar) if tar[257:262] == b"ustar" else TAR))
        for position, entry in enumerate(archive.entries):
            if entry.size:
                archive.open(position).read_at(0, 1000)
    except CrfsError:
        return


@given(st.binary(max_size=2000), st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=20))
def test_a_stream_of_ranges_gives_the_bytes_of_the_blob(content: bytes, steps: list[tuple[bool, int]]) -> None:
    stream = RangeStream(BytesReader(content))
    for is_read, size in steps:
        start = stream.offset
        if is_read:
            assert stream.read(size) == content[start : start + size]
        elif start + size <= len(content):
            stream.skip(size)
