from __future__ import annotations

import io
import subprocess
from dataclasses import replace

import pytest

from crfs_dav.formats.tarstream import TarHeader, TarStream
from crfs_dav.formats.tarwriter import header_bytes
from tests.support.archives import END, Member, char, dir_, file, hardlink, link, tar_of
from tests.support.awkward import NOT_UTF8, awkward_layers


def headers_of(tar: bytes) -> list[TarHeader]:
    return list(iter(TarStream(io.BytesIO(tar)).next, None))


LONG = 30 * "long/" + "name"
MEMBERS = [
    file("plain").owned(1, 2, "one", "two"),
    dir_(f"{LONG}/"),
    link("a", LONG),
    hardlink(LONG, "a"),
    file("日本語"),
    file(NOT_UTF8),
    file(LONG.encode() + b"\xff"),
    char("dev/null", 1, 3),
    char("dev/far", 1 << 22, 3),
    file("owners").owned(4_000_000_000, 3_000_000, "u" * 40, "é"),
    file("early").at(-0.5),
    file("half").at(1.5),
    file("exact").with_records({"mtime": b"1500000000.123456789"}),
    file("late").at(1 << 40),
    file("huge").claiming(1 << 40).with_records({"size": b"1099511627776"}),
    file("xattrs").with_xattrs({"user.binary": b"\0\xff\n=", "user.é": b""}),
    file("mode", mode=0o4755),
]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: str(member.name)[:12])
def test_a_header_spelled_anew_says_the_same(member: Member) -> None:
    header = headers_of(tar_of(member, end=b""))[0] if not member.stored_size else first_of(tar_of(member))
    spelled = header_bytes(header)

    assert replace(first_of(spelled), raw=b"") == replace(header, raw=b"")
    assert header_bytes(first_of(spelled)) == spelled


def first_of(tar: bytes) -> TarHeader:
    header = TarStream(io.BytesIO(tar)).next()
    assert header is not None
    return header


def test_gnu_tar_lists_what_is_spelled_anew_as_it_lists_the_source() -> None:
    source = awkward_layers(many=20)[0]
    anew = bytearray()
    stream = TarStream(io.BytesIO(source))
    while (header := stream.next()) is not None:
        anew += header_bytes(header) + stream.read(header.size) + stream.read_padding()

    assert listed(bytes(anew) + END) == listed(source)


def listed(tar: bytes) -> list[bytes]:
    tool = ["tar", "--xattrs", "--full-time", "-tvvf", "-"]
    return subprocess.run(tool, input=tar, capture_output=True, check=True).stdout.splitlines()
