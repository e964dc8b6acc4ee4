from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.archive import Kind
from crfs_dav.errors import Corrupt
from crfs_dav.formats.tarstream import TarHeader, TarStream, parse_pax
from tests.support.archives import (
    END,
    Form,
    Member,
    block,
    char,
    dir_,
    fifo,
    file,
    global_records,
    hardlink,
    header_of,
    link,
    tar_of,
)

LONG = "d/" * 60 + "name"


def headers_of(tar: bytes) -> list[TarHeader]:
    stream = TarStream(io.BytesIO(tar))
    headers = []
    while (header := stream.next()) is not None:
        headers.append(header)
    return headers


def only(tar: bytes) -> TarHeader:
    [header] = headers_of(tar)
    return header


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        (file("a"), Kind.REG),
        (Member("a", b"\0"), Kind.REG),
        (Member("a", b"7"), Kind.REG),
        (Member("a/", b"\0"), Kind.DIR),
        (dir_("a"), Kind.DIR),
        (link("a", "b"), Kind.SYMLINK),
        (hardlink("a", "b"), Kind.HARDLINK),
        (char("a", 1, 2), Kind.CHAR),
        (block("a", 1, 2), Kind.BLOCK),
        (fifo("a"), Kind.FIFO),
    ],
)
def test_kinds(member: Member, kind: Kind) -> None:
    assert only(tar_of(member)).kind is kind


@pytest.mark.parametrize("form", ["pax", "gnu"])
@pytest.mark.parametrize(
    ("member", "field", "value"),
    [
        (file(LONG), "name", LONG),
        (link("a", LONG), "link_name", LONG),
        (file("a").owned(4_000_000_000, 5_000_000), "uid", 4_000_000_000),
        (file("a").owned(4_000_000_000, 5_000_000), "gid", 5_000_000),
        (file("a").owned(1, 2, "me", "us"), "user_name", "me"),
        (file("a").owned(1, 2, "me", "us"), "group_name", "us"),
        (file("a").at(-100), "mtime", Fraction(-100)),
        (file("a").at(10**11), "mtime", Fraction(10**11)),
        (file("a", mode=0o4755), "mode", 0o4755),
        (char("a", 4, 64), "device", (4, 64)),
        (file(b"\xff\xfe"), "name", "\udcff\udcfe"),
        (file("日本"), "name", "日本"),
    ],
)
def test_fields_in_both_dialects(form: Form, *, member: Member, field: str, value: Any) -> None:
    assert getattr(only(tar_of(member, form=form)), field) == value


def test_fractions_of_a_second_are_exact() -> None:
    assert only(tar_of(file("a").at(1_500_000_000.25))).mtime == Fraction("1500000000.25")


def test_xattrs_are_bytes() -> None:
    assert only(tar_of(file("a").with_xattrs({"user.x": b"\0=\n\xff"}))).xattrs == {"user.x": b"\0=\n\xff"}


def test_ustar_prefixes_are_joined() -> None:
    header = bytearray(header_of(file("name"), "pax"))
    header[345:351] = b"prefix"
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    assert only(bytes(header) + END).name == "prefix/name"


def test_global_records_last_until_they_are_replaced() -> None:
    tar = tar_of(global_records({"uname": b"all"}), file("a"), file("b"), global_records({"uname": b"new"}), file("c"))
    assert [header.user_name for header in headers_of(tar)] == ["all", "all", "new"]


def test_raw_bytes_add_up_to_the_stream() -> None:
    tar = tar_of(file(LONG, b"payload"), global_records({"x": b"y"}), dir_("d"), file("f", bytes(513)), end=b"")
    stream = TarStream(io.BytesIO(tar))
    copy = bytearray()
    while (header := stream.next()) is not None:
        copy += header.raw
        while data := stream.read(100):
            copy += data
        copy += stream.read_padding()
    assert copy == tar


def test_payloads_not_read_are_skipped() -> None:
    assert [header.name for header in headers_of(tar_of(file("a", bytes(5000)), file("b", b"1")))] == ["a", "b"]


def test_what_stands_after_the_end_is_not_read() -> None:
    assert [header.name for header in headers_of(tar_of(file("a")) + tar_of(file("b")))] == ["a"]


def test_a_stream_may_end_without_its_end_mark() -> None:
    assert only(tar_of(file("a", b"1"), end=b"")).size == 1


def test_links_have_no_payload_whatever_they_claim() -> None:
    assert [header.size for header in headers_of(tar_of(hardlink("a", "b").claiming(10_000), file("c")))] == [0, 0]


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (b"x" * 100, "100 bytes at the end"),
        (b"x" * 512, "checksum"),
        (header_of(file("a"), "pax").replace(b"root", b"Root"), "checksum"),
        (tar_of(file("a", b"1").claiming(5000), end=b""), "end of stream with"),
        (tar_of(file("a").with_records({"size": b"-1"})), "decimal number"),
        (tar_of(file("a").with_records({"size": b"9" * 19})), "expected a size"),
        (tar_of(file("a").with_records({"path": b"a\0b"})), "names without NUL"),
        (tar_of(file("a").with_records({"mtime": b"1e999999999"})), "expected seconds"),
        (tar_of(file("a").with_records({"mtime": b"1/3"})), "expected seconds"),
        (tar_of(Member("x", b"x", b"rubbish")), "PAX record"),
        (tar_of(Member("x", b"x", b"9" * 8)), "PAX record"),
        (tar_of(Member("x", b"x", b"").claiming(2 << 20)), "expected at most 1048576"),
        (tar_of(Member("x", b"L", b"").claiming(2 << 20)), "expected at most 1048576"),
        (tar_of(Member("x", b"L", b"name"), end=b""), "expected the header that it extends"),
        (tar_of(*[Member("x", b"L", b"name")] * 17), "expected a header"),
    ],
)
def test_what_is_no_tar_is_corrupt(tar: bytes, message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        headers_of(tar)


@given(st.binary(max_size=200))
def test_any_records_parse_or_are_corrupt(payload: bytes) -> None:
    try:
        parse_pax(payload)
    except Corrupt:
        return


@given(st.integers(0, 511), st.integers(0, 255))
def test_any_header_parses_or_is_corrupt(position: int, value: int) -> None:
    header = bytearray(header_of(file("a", b""), "gnu"))
    header[position] = value
    if not 148 <= position < 156:
        header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    try:
        headers_of(bytes(header) + END)
    except Corrupt:
        return
