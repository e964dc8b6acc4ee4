"""Footer, TOC member and what is read of a blob to get at them."""

from __future__ import annotations

import gzip
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt, CrfsError
from crfs_dav.formats.candidate import Means, tail_size
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.estargz import Footer, parse_footer
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.tocarchive import TocArchive
from crfs_dav.readers import BytesReader
from tests.support.recording import DictStore, RecordingReader
from tests.support.stargz import (
    ESTARGZ_FOOTER,
    STARGZ_FOOTER,
    Crafter,
    content,
    descriptor_of,
    footer,
    go_json,
    member,
    names_of,
    open_blob,
    sha256,
    tar_header,
    toc_tar,
)

# The last bytes of a layer made by ctr-remote 0.12 and of one made by crfs's stargzify.
GOLDEN = {
    "eStargz": (
        "1f8b08040000000000ff1a00534716003030303030303030303034343931393253544152475a010000ffff0000000000000000",
        Footer(0x449192, 51),
    ),
    "stargz": (
        "1f8b08040000000000ff16003030303030303030303034343931336353544152475a010000ffff0000000000000000",
        Footer(0x44913C, 47),
    ),
}
TEMPLATES = pytest.mark.parametrize("template", [ESTARGZ_FOOTER, STARGZ_FOOTER], ids=["eStargz", "stargz"])


@pytest.mark.parametrize(("text", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_footers_of_other_writers_are_understood(text: str, expected: Footer) -> None:
    assert parse_footer(bytes.fromhex(text)) == expected
    assert parse_footer(b"before it" + bytes.fromhex(text)) == expected


@pytest.mark.parametrize(("text", "_"), GOLDEN.values(), ids=GOLDEN)
def test_footers_are_empty_gzip_members(text: str, _: Footer) -> None:
    if "5347" in text:  # stargz's extra field is no subfield, but gunzip does not look into it
        assert len(bytes.fromhex(text)) == 51
    assert gzip.decompress(bytes.fromhex(text)) == b""


@TEMPLATES
@given(offset=st.integers(0, (1 << 64) - 1))
def test_a_footer_gives_back_the_offset_written(template: str, offset: int) -> None:
    found = parse_footer(footer(offset, template))

    assert found is not None
    assert found.toc_offset == offset


@TEMPLATES
def test_every_bit_of_a_footer_counts_but_time_and_system(template: str) -> None:
    good = footer(0x1234, template)

    for at in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[at] ^= 1 << bit
            is_free = 4 <= at < 10
            found = parse_footer(bytes(bad))
            is_digit = (
                re.fullmatch(rb"[0-9a-fA-F]{16}", bytes(bad[-35:-19])) is not None
                and len(good) - 35 <= at < len(good) - 19
            )
            assert (found is not None) == (is_free or is_digit), (at, bit)


@pytest.mark.parametrize(
    "digits", [b"-000000000001234", b"+000000000001234", b"0x00000000001234", b"000000000000 123", b"0000_0000_0000_1"]
)
def test_trap_23_offsets_are_16_hex_digits_and_nothing_else(digits: bytes) -> None:
    good = footer(0x1234)

    assert parse_footer(good.replace(b"%016x" % 0x1234, digits)) is None


@given(st.binary(max_size=120))
def test_any_bytes_as_a_footer_are_a_footer_or_none(tail: bytes) -> None:
    assert parse_footer(tail) is None


@given(st.binary(max_size=200))
def test_blobs_of_anything_are_no_archive(data: bytes) -> None:
    assert open_archive(BytesReader(data), descriptor_of(data), Means(DictStore())) is None


@TEMPLATES
@given(data=st.binary(max_size=300))
def test_any_bytes_before_a_footer_give_none_or_corrupt(template: str, data: bytes) -> None:
    blob = data + footer(len(data) // 2, template)

    try:
        assert open_archive(BytesReader(blob), descriptor_of(blob), Means(DictStore())) is None
    except CrfsError as error:
        assert isinstance(error, Corrupt)


@given(document=st.binary(max_size=200))
def test_any_bytes_as_a_toc_give_an_archive_or_corrupt(document: bytes) -> None:
    try:
        open_blob(Crafter().build(document=document))
    except CrfsError as error:
        assert isinstance(error, Corrupt)


@pytest.mark.parametrize("offset", [0, 1 << 40, (1 << 64) - 1, 10**6])
def test_trap_23_a_toc_offset_outside_the_blob_is_no_stargz(offset: int) -> None:
    blob = gzip.compress(b"just gzip") + footer(offset)

    assert open_archive(BytesReader(blob), descriptor_of(blob), Means(DictStore())) is None


def test_trap_23_a_toc_offset_inside_the_footer_is_no_stargz() -> None:
    data = gzip.compress(b"just gzip")
    blob = data + footer(len(data))

    assert open_archive(BytesReader(blob), descriptor_of(blob), Means(DictStore())) is None


def test_trap_26_media_types_decide_nothing() -> None:
    blob = Crafter().file("a", b"1").build()
    descriptor = descriptor_of(blob)
    odd = type(descriptor)("application/octet-stream", descriptor.digest, descriptor.size)

    assert open_archive(BytesReader(blob), odd, Means(DictStore())) is not None


@TEMPLATES
def test_a_small_layer_opens_with_one_read(template: str) -> None:
    blob = RecordingReader(Crafter(footer=template).file("a", b"1").build())

    assert names_of(open_blob_recorded(blob)) == ["a"]
    assert blob.reads == [(0, blob.size)]


def open_blob_recorded(blob: RecordingReader) -> TocArchive:
    archive = open_blob(blob)
    blob.reads.pop(0)  # the helper read all of it to know the digest
    return archive


def test_a_layer_whose_toc_fits_in_the_tail_opens_with_one_read() -> None:
    data = Crafter().file("a", os.urandom(3 << 20)).build()
    blob = RecordingReader(data)

    open_blob_recorded(blob)

    assert blob.reads == [(len(data) - tail_size(len(data)), tail_size(len(data)))]


def test_a_toc_longer_than_the_tail_takes_one_read_more_and_no_byte_twice() -> None:
    crafter = Crafter().file("a", b"1")
    toc = crafter.entries + [{"name": f"{os.urandom(60).hex()}", "type": "dir"} for _ in range(20_000)]
    data = crafter.build(document=go_json(toc))
    offset = parse_footer(data)
    assert offset is not None
    blob = RecordingReader(data)

    archive = open_blob_recorded(blob)

    tail_start = len(data) - tail_size(len(data))
    assert len(archive.entries) == 20_001
    assert blob.reads == [(tail_start, tail_size(len(data))), (offset.toc_offset, tail_start - offset.toc_offset)]


def test_trap_18_the_toc_digest_covers_the_json_and_no_padding() -> None:
    crafter = Crafter().file("a", b"1")
    document = go_json(crafter.entries)
    blob = crafter.build(document=document)

    assert names_of(open_blob(blob, toc_digest=sha256(document))) == ["a"]


def test_trap_18_the_toc_digest_covers_what_follows_the_json_value() -> None:
    crafter = Crafter().file("a", b"1")
    document = go_json(crafter.entries)
    blob = crafter.build(document=document + b"\n\n")

    with pytest.raises(Corrupt, match=f"expected {sha256(document)} by the layer's annotation"):
        open_blob(blob, toc_digest=sha256(document))
    open_blob(blob, toc_digest=sha256(document + b"\n\n"))


def test_trap_18_a_toc_without_annotation_is_taken_as_it_is() -> None:
    assert names_of(open_blob(Crafter().file("a", b"1").build())) == ["a"]


def broken_tocs() -> dict[str, tuple[bytes, str]]:
    def with_toc(toc_member: bytes) -> bytes:
        crafter = Crafter().file("a", b"1")
        crafter._close()
        return crafter.finish(toc_member)

    document = go_json([{"name": "a", "type": "dir"}])
    good = member(toc_tar(document))
    return {
        "name": (with_toc(member(toc_tar(document, b"other.json"))), "tar header: 'other.json'; expected the file"),
        "checksum": (with_toc(member(b"x" + toc_tar(document)[1:])), "tar header: bad checksum"),
        "directory": (with_toc(member(tar_header(b"stargz.index.json", kind=b"5") + document)), "expected the file"),
        "size": (with_toc(member(tar_header(b"stargz.index.json", 9999) + document)), "ends .* bytes early"),
        "empty": (with_toc(member(b"")), "no tar header"),
        "cut": (with_toc(good[:-10]), "no end; expected a whole member"),
        "no gzip": (with_toc(b"x" * 100), "gzip member: .*; expected deflate data"),
        "crc": (with_toc(good[:-8] + b"abcd" + good[-4:]), "gzip member: .*; expected deflate data and its CRC"),
        "json": (with_toc(member(toc_tar(b"{"))), "TOC: .*; expected JSON"),
    }


@pytest.mark.parametrize(("blob", "message"), broken_tocs().values(), ids=broken_tocs())
def test_a_broken_toc_is_corrupt_and_says_why(blob: bytes, message: str) -> None:
    with pytest.raises(Corrupt, match=rf"^layer sha256:.*{message}"):
        open_blob(blob)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(toc_compressed=100), "TOC: [0-9]+ bytes compressed; expected at most 100"),
        (Limits(toc_inflated=1000), "TOC, inflated: more than 1000 bytes"),
        (Limits(entries=10), "TOC: more than 10 entries"),
        (Limits(text_in_all=50), "TOC: more than 50 bytes of names"),
        (Limits(xattrs_in_all=50), "TOC: more than 50 bytes of xattrs"),
    ],
    ids=lambda value: "" if isinstance(value, Limits) else value.split(";")[0],
)
def test_trap_24_a_toc_beyond_a_limit_is_corrupt(limits: Limits, message: str) -> None:
    crafter = Crafter()
    for number in range(40):
        crafter.dir(f"directory{number}/", xattrs={"user.a": f"{number:04d}"})

    with pytest.raises(Corrupt, match=message):
        open_blob(crafter.build(), limits=limits)


def test_trap_24_a_bomb_is_left_before_it_is_inflated() -> None:
    crafter = Crafter()
    blob = crafter.build(document=b'{"entries":[' + b" " * (80 << 20) + b"]}")

    with pytest.raises(Corrupt, match="TOC, inflated: more than 1048576 bytes"):
        open_blob(blob, limits=Limits(toc_inflated=1 << 20))


@pytest.mark.parametrize("name", ["stargz.index.json", ".prefetch.landmark", "./.no.prefetch.landmark"])
def test_trap_13_the_formats_own_files_are_hidden_at_the_root_only(name: str) -> None:
    blob = Crafter().file(name, b"\x0f").file(f"below/{name}", b"\x0f").file("a", b"1").build()
    archive = open_blob(blob)

    assert names_of(archive) == [f"below/{name}", "a"]
    assert [content(archive, position) for position in range(2)] == [b"\x0f", b"1"]


def test_entries_are_made_as_the_toc_has_them() -> None:
    crafter = Crafter().dir("./d/", uid=7, gid=8, userName="u", groupName="g", modtime="2017-07-14T02:40:00Z")
    crafter.entry("d/l", "symlink", linkName="../x", uid=7, gid=8).entry("d/h", "hardlink", linkName="d/f")
    crafter.entry("c", "char", devMajor=1, devMinor=3).entry("b", "block").entry("p", "fifo").file("d/f", b"1")
    archive = open_blob(crafter.build())

    entries = [(entry.name, entry.kind.value, entry.link_name) for entry in archive.entries]
    assert entries == [
        ("./d/", "dir", ""),
        ("d/l", "symlink", "../x"),
        ("d/h", "hardlink", "d/f"),
        ("c", "char", ""),
        ("b", "block", ""),
        ("p", "fifo", ""),
        ("d/f", "reg", ""),
    ]
    first = archive.entries[0]
    assert (first.mode, first.uid, first.gid, first.user_name, first.group_name) == (0o755, 7, 8, "u", "g")
    assert first.mtime is not None
    assert first.mtime.timestamp() == 1_500_000_000
    last = archive.entries[-1]
    assert (last.size, str(last.digest)) == (1, sha256(b"1"))
