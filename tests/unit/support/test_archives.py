"""The language that tests spell tars in says what `tarfile` and GNU tar understand."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from tests.support.archives import (
    Form,
    Member,
    block,
    char,
    dir_,
    estargz_of,
    fifo,
    file,
    hardlink,
    link,
    opaque,
    tar_of,
    targz_of,
    whiteout,
)
from tests.support.awkward import NAMES, NOT_UTF8, awkward_layers, lines

LONG = "directory/" * 15 + "name"


def read(tar: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.getmembers()


@pytest.mark.parametrize("form", ["pax", "gnu"])
@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (file("./a", b"12", mode=0o600), {"name": "./a", "size": 2, "mode": 0o600, "type": b"0"}),
        (dir_("d/"), {"name": "d", "type": b"5"}),
        (link("l", "t"), {"linkname": "t", "type": b"2"}),
        (hardlink("l", "t"), {"linkname": "t", "type": b"1"}),
        (fifo("f"), {"type": b"6"}),
        (char("c", 1, 3), {"type": b"3", "devmajor": 1, "devminor": 3}),
        (block("b", 8, 0), {"type": b"4", "devmajor": 8}),
        (file(LONG), {"name": LONG}),
        (link("l", LONG), {"linkname": LONG}),
        (file("日本"), {"name": "日本"}),
        (file(b"\xff"), {"name": "\udcff"}),
        (file("o").owned(4_000_000_000, 9, "me", "us"), {"uid": 4_000_000_000, "gid": 9, "uname": "me"}),
        (file("t").at(-5), {"mtime": -5}),
        (whiteout("a/b"), {"name": "a/.wh.b"}),
        (whiteout("b"), {"name": ".wh.b"}),
        (opaque("a"), {"name": "a/.wh..wh..opq"}),
    ],
)
def test_tarfile_reads_each_member(form: Form, member: Member, expected: dict[str, Any]) -> None:
    [found] = read(tar_of(member, form=form))
    assert {key: getattr(found, key) for key in expected} == expected


def test_records_and_xattrs_reach_the_header() -> None:
    [found] = read(tar_of(file("a").with_xattrs({"user.x": b"1"}).with_records({"comment": b"c"})))
    assert found.pax_headers == {"SCHILY.xattr.user.x": "1", "comment": "c"}


def test_duplicates_stay() -> None:
    assert [member.name for member in read(tar_of(file("a"), file("a")))] == ["a", "a"]


def test_awkward_layers_hold_what_their_names_promise() -> None:
    base, upper, top = ({member.name for member in read(tar)} for tar in awkward_layers(many=3))
    assert {f"names/{name}" for name in NAMES} <= base
    assert NOT_UTF8.decode("utf-8", "surrogateescape") in base
    assert {"many/0002.txt", "big/zeros", "implied/parents/deep/file.txt"} <= base
    assert {"etc/.wh.motd", "opaque/.wh..wh..opq", "lib/through-link"} <= upper
    assert "removed-dir/again" in top


def test_lines_are_of_the_size_asked_for() -> None:
    assert [len(lines("x", size)) for size in (0, 1, 100_000)] == [0, 1, 100_000]


def test_packed_layers_hold_the_tar() -> None:
    tar = tar_of(file("a", b"content"))
    blob, annotations = estargz_of(tar)
    assert [member.name for member in read(targz_of(tar))] == ["a"]
    assert [member.name for member in read(blob)] == [".no.prefetch.landmark", "a", "stargz.index.json"]
    assert list(annotations) == ["containerd.io/snapshot/stargz/toc.digest"]
