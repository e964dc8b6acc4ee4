"""Where stargz readers go wrong: one test a trap, by the numbers of the list of traps in the issue's notes."""

from __future__ import annotations

import base64
import os
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt, CrfsError
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.limits import Limits
from crfs_dav.readers import BytesReader
from tests.support.recording import DictStore, NoStore, RecordingReader
from tests.support.stargz import (
    STARGZ_FOOTER,
    Crafter,
    Toc,
    content,
    descriptor_of,
    go_json,
    names_of,
    open_blob,
    sha256,
)

TEN = b"0123456789"


def only(key: str, value: Any) -> dict[str, Any]:
    return {key: value}


def test_trap_01_names_stay_as_stored() -> None:
    names = ["./", "./a", "/a", "a//b", "a/../b", "../../x", "a/"]
    crafter = Crafter()
    for name in names:
        crafter.dir(name)

    assert names_of(open_blob(crafter.build())) == names


def test_trap_03_a_duplicate_has_content_of_its_own() -> None:
    big = os.urandom(100)
    blob = Crafter().file("a", big, chunk_size=30).file("b", b"b").file("a", b"small").build()
    archive = open_blob(blob)

    assert [content(archive, position) for position in range(3)] == [big, b"b", b"small"]


def test_trap_03_chunks_belong_to_the_entry_before_them_whatever_they_are_called() -> None:
    def rename(entries: list[Toc]) -> None:
        entries[1]["name"] = "other"

    archive = open_blob(Crafter().file("a", TEN, chunk_size=6).build(rename))

    assert names_of(archive) == ["a"]
    assert content(archive, 0) == TEN


def test_trap_05_a_link_count_in_the_toc_is_ignored() -> None:
    blob = Crafter(footer=STARGZ_FOOTER).file("a", b"1", NumLink=3).build()

    assert names_of(open_blob(blob)) == ["a"]


def test_trap_07_keys_are_taken_in_any_case() -> None:
    crafter = Crafter().file("a", b"1")
    entry = {key.upper(): value for key, value in crafter.entries[0].items()}
    archive = open_blob(crafter.build(document=go_json([entry])))

    assert names_of(archive) == ["a"]
    assert content(archive, 0) == b"1"


def test_trap_07_the_last_duplicate_key_wins_in_any_case() -> None:
    document = b'{"entries":[{"name":"a","name":"b","type":"dir"},{"NAME":"c","type":"dir","Name":"d"}]}'

    assert names_of(open_blob(Crafter().build(document=document))) == ["b", "d"]


def test_trap_07_an_entry_without_name_and_type_is_corrupt() -> None:
    with pytest.raises(Corrupt, match=r"entry with keys .*; expected a name and a type"):
        open_blob(Crafter().build(document=b'{"entries":[{"size":1}]}'))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"a\\ud800b"', "a\ufffdb"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
    ],
    ids=["latin-1", "lone surrogate", "pair", "surrogate in UTF-8"],
)
def test_trap_08_bad_text_is_read_as_go_reads_it(raw: bytes, expected: str) -> None:
    document = b'{"version":1,"entries":[{"name":' + raw + b',"type":"dir"}]}'

    assert names_of(open_blob(Crafter().build(document=document))) == [expected]


@pytest.mark.parametrize(
    "name",
    ["", "a\0b", "x" * 256, "d/" + "x" * 256 + "/f", "d/" * 201 + "f", "\xe9" * 128, "/".join(["x" * 200] * 21)],
    ids=["empty", "NUL", "component", "inner component", "depth", "component in bytes", "whole"],
)
def test_trap_09_an_impossible_name_costs_only_its_entry(name: str, caplog: pytest.LogCaptureFixture) -> None:
    crafter = Crafter().file("a", b"1")
    crafter.file(name, b"2", raw=bytes(512)).file("b", b"3").entry("l", "symlink", linkName=name and name * 30 + "\0")
    archive = open_blob(crafter.build())

    assert names_of(archive)[:2] == ["a", "b"]
    assert [content(archive, position) for position in (0, 1)] == [b"1", b"3"]
    assert len([record for record in caplog.records if "left out" in record.message]) == 1


@pytest.mark.parametrize(
    "name",
    ["a\nb", "a\\b", "a\x01b", "x" * 255, "<html>&amp;", "d/" * 199 + "f", "},{", '"},{"', "caf\xe9", "cafe\u0301"],
)
def test_trap_09_an_odd_name_is_kept(name: str) -> None:
    assert names_of(open_blob(Crafter().dir(name).dir("b").build())) == [name, "b"]


def test_trap_14_a_chunk_ends_where_the_next_member_begins_in_whatever_order_the_toc_is() -> None:
    data = [os.urandom(1000) for _ in range(5)]
    crafter = Crafter()
    for number, each in enumerate(data):
        crafter.file(f"{number}", each)
    archive = open_blob(crafter.build(lambda entries: entries.reverse()))

    assert [content(archive, position) for position in range(5)] == data[::-1]


def test_trap_14_the_last_member_ends_at_the_toc() -> None:
    data = Crafter().file("a", TEN).build()
    blob = RecordingReader(data)
    archive = open_blob(blob)
    blob.reads.clear()

    content(archive, 0)

    (offset, size), *more = blob.reads
    assert not more
    assert data[offset + size :].startswith(b"\x1f\x8b")


def test_trap_14_what_follows_a_chunk_in_its_member_is_not_read() -> None:
    crafter = Crafter().file("a", TEN)
    crafter.header(os.urandom(3 << 20))  # as if many headers followed
    blob = RecordingReader(crafter.file("b", b"b").build())
    archive = open_blob(blob)
    blob.reads.clear()

    assert content(archive, 0) == TEN
    assert sum(size for _, size in blob.reads) < 100_000


def chunk_edits() -> dict[str, tuple[Any, bool]]:
    """Edits of the TOC of a file of 6 + 4 bytes, and whether it can still be read."""

    def edit(position: int, **toc: Any) -> Any:
        def apply(entries: list[Toc]) -> None:
            entries[position] = {key: each for key, each in (entries[position] | toc).items() if each is not None}

        return apply

    return {
        "untouched": (edit(0), True),
        "last chunk with its size": (edit(1, chunkSize=4), True),
        "first chunk without size": (edit(0, chunkSize=None), False),
        "gap": (edit(1, chunkOffset=7), False),
        "overlap": (edit(1, chunkOffset=5), False),
        "gap, with the right sum": (edit(1, chunkOffset=7, chunkSize=4), False),
        "second chunk at the start": (edit(1, chunkOffset=0, chunkSize=4), False),
        "too short": (edit(1, chunkSize=3), False),
        "too long": (edit(1, chunkSize=5), False),
        "size smaller": (edit(0, size=9), False),
        "size bigger": (edit(0, size=11), False),
        "no offset": (edit(0, offset=None), False),
        "chunk without offset": (edit(1, offset=None), False),
        "no second chunk": (lambda entries: entries.pop(1), False),
        "chunk twice": (lambda entries: entries.insert(1, dict(entries[1])), False),
    }


@pytest.mark.parametrize(("edit", "is_readable"), chunk_edits().values(), ids=chunk_edits())
def test_trap_15_chunks_that_make_no_file_cost_only_that_file(edit: Any, is_readable: bool) -> None:
    archive = open_blob(Crafter().file("a", TEN, chunk_size=6).file("b", b"fine").build(edit))

    assert content(archive, len(archive.entries) - 1) == b"fine"
    if is_readable:
        assert content(archive, 0) == TEN
    else:
        with pytest.raises(Corrupt, match=r"^file 'a': .*; expected"):
            content(archive, 0)


def test_trap_15_a_lone_reg_with_chunk_size_is_not_chunked() -> None:
    assert content(open_blob(Crafter().file("a", TEN, chunkSize=10).build()), 0) == TEN


def test_trap_15_orphan_chunks_are_passed_over() -> None:
    def orphan(entries: list[Toc]) -> None:
        entries.insert(0, {"name": "x", "type": "chunk", "offset": 50, "chunkSize": 3})
        entries.insert(2, {"name": "d/", "type": "chunk", "offset": 60})

    archive = open_blob(Crafter().dir("d/").file("a", TEN).build(orphan))

    assert names_of(archive) == ["d/", "a"]
    assert content(archive, 1) == TEN


def shared_member(count: int = 21, size: int = 500) -> tuple[bytes, list[bytes]]:
    data = [os.urandom(size) for _ in range(count)]
    crafter = Crafter().file("first", data[0])
    for number, each in enumerate(data[1:]):
        crafter.inner_file(f"inner{number}", each)
    return crafter.file("after", b"after").build(), [*data, b"after"]


def test_trap_16_files_of_one_member_are_read_right() -> None:
    blob, data = shared_member()
    archive = open_blob(blob)

    assert [content(archive, position) for position in reversed(range(len(data)))] == data[::-1]


def test_trap_16_a_member_is_read_and_inflated_once_for_all_its_files() -> None:
    data, _ = shared_member()
    blob = RecordingReader(data)
    store = DictStore()
    archive = open_blob(blob, store=store)
    blob.reads.clear()

    for position in range(21):
        content(archive, position)

    assert len(blob.reads) == 1
    assert len([key for key in store.values if key.endswith(".member")]) == 1


def test_trap_16_files_of_one_member_are_told_apart_by_inner_offset() -> None:
    blob, data = shared_member(3)
    archive = open_blob(blob, store=NoStore())

    assert [content(archive, position) for position in (1, 0, 2, 1)] == [data[1], data[0], data[2], data[1]]


def test_trap_16_a_wrong_digest_in_a_shared_member_costs_only_its_file() -> None:
    def spoil(entries: list[Toc]) -> None:
        entries[1]["chunkDigest"] = sha256(b"other")

    crafter = Crafter().file("a", b"1").inner_file("b", b"2").inner_file("c", b"3")
    archive = open_blob(crafter.build(spoil))

    assert (content(archive, 0), content(archive, 2)) == (b"1", b"3")
    with pytest.raises(Corrupt, match=r"^file 'b': .*expected sha256:"):
        content(archive, 1)


def test_trap_16_a_shared_member_without_digests_is_refused() -> None:
    blob = Crafter().file("a", b"1").inner_file("b", b"2", digest=None, chunkDigest=None).build()

    with pytest.raises(Corrupt, match="no digest in a member shared by files"):
        content(open_blob(blob), 1)


def test_trap_17_empty_files_need_no_offset() -> None:
    archive = open_blob(Crafter().file("a", b"").file("b", b"", digest=None).file("c", b"", offset=10).build())

    assert [content(archive, position) for position in range(3)] == [b"", b"", b""]


def test_trap_17_an_empty_file_with_the_digest_of_something_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="file 'a': empty file: sha256:"):
        open_blob(Crafter().file("a", b"", digest=sha256(b"x")).build()).open(0)


def test_trap_17_offset_zero_means_none() -> None:
    with pytest.raises(Corrupt, match="file 'a': chunks: 0 bytes in all; expected 1"):
        open_blob(Crafter().file("a", b"1", offset=0).build()).open(0)


@pytest.mark.parametrize("key", ["chunkDigest", "digest"])
def test_trap_18_either_digest_of_an_unchunked_file_must_fit(key: str) -> None:
    archive = open_blob(Crafter().file("a", b"1", **only(key, sha256(b"2"))).file("b", b"3").build())

    with pytest.raises(
        Corrupt, match=rf"^file 'a': layer sha256:[0-9a-f]+, member at \d+: chunk: {sha256(b'1')}; expected"
    ):
        content(archive, 0)
    assert content(archive, 1) == b"3"


def test_trap_18_the_digest_of_a_chunked_file_is_not_that_of_its_first_chunk() -> None:
    archive = open_blob(Crafter().file("a", TEN, chunk_size=4).build())

    assert content(archive, 0) == TEN
    assert str(archive.entries[0].digest) == sha256(TEN)


@pytest.mark.parametrize(
    "digest", ["md5:" + "0" * 32, "sha256:", "sha256:" + "g" * 64, "sha256:" + "0" * 63 + " ", "x"]
)
def test_trap_18_a_digest_that_cannot_be_verified_is_refused(digest: str) -> None:
    archive = open_blob(Crafter().file("a", b"1", chunkDigest=digest).file("b", b"2", digest=digest).build())

    for position in range(2):
        with pytest.raises(Corrupt, match=r"^file .*digest: not sha256 and 64 hex digits"):
            content(archive, position)


def test_trap_18_a_chunk_without_digest_is_checked_by_the_crc_of_its_whole_member() -> None:
    crafter = Crafter(footer=STARGZ_FOOTER, digests=False).file("a", os.urandom(100), chunk_size=60).file("b", b"2")
    data = bytearray(crafter.build())
    second = crafter.entries[1]["offset"]
    data[second - 8] ^= 1  # the CRC of the first chunk's member
    archive = open_blob(bytes(data))

    assert content(archive, 1) == b"2"
    assert len(archive.open(0).read_at(60, 40)) == 40
    with pytest.raises(Corrupt, match=r"^file 'a': .*gzip member: .*expected deflate data and its CRC"):
        archive.open(0).read_at(0, 1)


def test_trap_19_names_of_users_and_groups_are_apart_and_stick() -> None:
    crafter = Crafter().dir("a", uid=1, gid=1, userName="user", groupName="group").dir("b", uid=1, gid=1)
    crafter.dir("c", uid=2, gid=1).dir("d", uid=1, gid=1, userName="other").dir("e", uid=1, gid=2)
    archive = open_blob(crafter.build())

    assert [(entry.user_name, entry.group_name) for entry in archive.entries] == [
        ("user", "group"),
        ("user", "group"),
        ("", "group"),
        ("other", "group"),
        ("other", ""),
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("2017-07-14T02:40:00Z", 1_500_000_000),
        ("2017-07-14T02:40:00.123456789Z", 1_500_000_000.123456),
        ("2017-07-14T04:40:00+02:00", 1_500_000_000),
        ("1969-12-31T23:59:59Z", -1),
        ("1969-12-31T23:59:59.5Z", -0.5),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("0001-01-01T00:00:00+01:00", -62_135_596_800),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("12345-01-01T00:00:00Z", 253_402_300_799.999999),
        ("-0001-01-01T00:00:00Z", -62_135_596_800),
        ("yesterday", None),
        ("2017-13-14T02:40:00Z", None),
    ],
)
def test_trap_20_times_of_all_kinds_are_read_or_clamped(text: str, seconds: float | None) -> None:
    (entry,) = open_blob(Crafter().dir("a", modtime=text).build()).entries

    assert (None if entry.mtime is None else entry.mtime.timestamp()) == seconds


@pytest.mark.parametrize("mode", [33261, 0o755, 0o100755, -1 & ~0o7777 | 0o755, (1 << 70) | 0o755])
def test_trap_21_modes_keep_their_permission_bits(mode: int) -> None:
    (entry,) = open_blob(Crafter().file("a", b"", mode=mode).build()).entries

    assert (entry.mode, entry.kind.value) == (0o755, "reg")


@pytest.mark.parametrize(("uid", "expected"), [(4_000_000_000, 4_000_000_000), (-1, (1 << 32) - 1), (1 << 32, 0)])
def test_trap_21_owners_are_32_bits(uid: int, expected: int) -> None:
    (entry,) = open_blob(Crafter().dir("a", uid=uid, gid=uid).build()).entries

    assert (entry.uid, entry.gid) == (expected, expected)


def test_trap_21_xattrs_are_raw_bytes() -> None:
    raw = bytes(range(256))
    xattrs = {
        "user.a": base64.b64encode(raw).decode(),
        "user.none": None,
        "trusted.overlay.opaque": "eQ==",
        "user.bad": "%",
    }
    archive = open_blob(
        Crafter().dir("a", xattrs=xattrs).dir("b", xattrs=None).dir("c", xattrs=xattrs).dir("d").build()
    )

    wanted = {"user.a": raw, "user.none": b""}
    assert [dict(entry.xattrs) for entry in archive.entries] == [wanted, {}, wanted, {}]


def test_trap_21_a_null_map_of_xattrs_is_none() -> None:
    document = b'{"entries":[{"name":"a","type":"dir","xattrs":null,"modtime":null}]}'

    assert open_blob(Crafter().build(document=document)).entries[0].xattrs == {}


def test_trap_24_too_many_xattrs_are_dropped_and_the_entry_kept() -> None:
    xattrs = {f"user.{number}": base64.b64encode(bytes(100)).decode() for number in range(20)}

    (entry,) = open_blob(Crafter().dir("a", xattrs=xattrs).build(), limits=Limits(xattrs=1000)).entries

    assert entry.xattrs == {}


HOSTILE = [-1, -5, 1 << 40, 1 << 62, 1 << 63, 1 << 64, 10**30]


@pytest.mark.parametrize("key", ["size", "offset", "innerOffset", "chunkOffset", "chunkSize"])
@pytest.mark.parametrize("number", HOSTILE)
def test_trap_22_a_number_beyond_reason_costs_only_its_file(key: str, number: int) -> None:
    archive = open_blob(Crafter().file("a", TEN, **only(key, number)).file("b", b"2").build())

    assert content(archive, 1) == b"2"
    with pytest.raises(Corrupt, match=r"^file 'a': "):
        content(archive, 0)


@pytest.mark.parametrize("key", ["offset", "innerOffset", "chunkOffset", "chunkSize"])
@pytest.mark.parametrize("number", HOSTILE)
def test_trap_22_a_number_beyond_reason_in_a_chunk_costs_only_its_file(key: str, number: int) -> None:
    def edit(entries: list[Toc]) -> None:
        entries[1][key] = number

    archive = open_blob(Crafter().file("a", TEN, chunk_size=6).file("b", b"2").build(edit))

    assert content(archive, 1) == b"2"
    with pytest.raises(Corrupt, match=r"^file 'a': "):
        content(archive, 0)


@pytest.mark.parametrize("value", ["null", '"1"', "1.5", "1e3", "true", "[]", "{}"])
def test_trap_22_a_number_that_is_none_costs_only_its_file(value: str) -> None:
    document = '{"entries":[{"name":"a","type":"reg","size":VALUE},{"name":"b","type":"dir"}]}'.replace("VALUE", value)
    archive = open_blob(Crafter().build(document=document.encode()))

    assert names_of(archive) == ["a", "b"]
    if value == "null":
        assert content(archive, 0) == b""
    else:
        with pytest.raises(Corrupt, match="size: negative or beyond reason"):
            content(archive, 0)


def test_trap_22_a_size_that_lies_allocates_nothing() -> None:
    archive = open_blob(Crafter().file("a", TEN, size=1 << 50, chunkSize=10).build())

    with pytest.raises(Corrupt, match="expected 1125899906842624"):
        archive.open(0)


def test_trap_24_a_chunk_too_big_to_decode_at_once_is_refused() -> None:
    archive = open_blob(Crafter().file("a", bytes(2000)).file("b", b"2").build(), limits=Limits(chunk=1000))

    with pytest.raises(Corrupt, match="chunk: 2000 bytes at 0 of a member; expected 1000 in all"):
        archive.open(0)
    assert content(archive, 1) == b"2"


def test_trap_24_a_member_that_goes_on_and_on_without_digest_is_left() -> None:
    crafter = Crafter(footer=STARGZ_FOOTER, digests=False).file("a", TEN)
    crafter.header(bytes(80 << 20))
    archive = open_blob(crafter.build())

    with pytest.raises(Corrupt, match="bytes after the chunk; expected at most"):
        content(archive, 0)


def test_trap_24_chunks_beyond_the_limit_spoil_their_file_only() -> None:
    blob = Crafter().file("a", bytes(100), chunk_size=10).file("b", bytes(50), chunk_size=10).build()
    archive = open_blob(blob, limits=Limits(chunks=5))

    with pytest.raises(Corrupt, match="chunks: 50 bytes in all; expected 100"):
        archive.open(0)
    assert content(archive, 1) == bytes(50)


def test_trap_25_a_broken_file_harms_no_other() -> None:
    crafter = Crafter().file("a", os.urandom(1000)).file("b", os.urandom(1000)).file("c", b"fine")
    data = bytearray(crafter.build())
    offset = crafter.entries[0]["offset"]
    data[offset + 500] ^= 0xFF
    archive = open_blob(bytes(data))

    for _ in range(2):
        with pytest.raises(Corrupt, match=rf"^file 'a': layer sha256:.*, member at {offset}: "):
            content(archive, 0)
    assert len(content(archive, 1)) == 1000
    assert content(archive, 2) == b"fine"


def test_trap_25_bytes_that_broke_in_a_cache_are_forgotten_and_read_once_more() -> None:
    crafter = Crafter().file("a", TEN * 10)
    data = crafter.build()
    offset = crafter.entries[0]["offset"]
    blob = RecordingReader(data, broken={offset + 15: data[offset + 15] ^ 0xFF})
    archive = open_blob(blob)

    assert content(archive, 0) == TEN * 10
    ((start, size),) = blob.forgotten
    assert start == offset
    assert start + size == data.rindex(b"\x1f\x8b\x08\0")  # the TOC member


def test_trap_25_bytes_that_stay_broken_are_asked_for_twice_and_no_more() -> None:
    crafter = Crafter().file("a", TEN * 10)
    data = crafter.build()
    offset = crafter.entries[0]["offset"]
    blob = RecordingReader(data, broken={offset + 15: data[offset + 15] ^ 0xFF}, heals=False)
    archive = open_blob(blob)
    blob.reads.clear()

    with pytest.raises(Corrupt):
        content(archive, 0)
    assert len(blob.reads) == 2


def test_trap_25_a_shared_member_that_broke_is_not_kept() -> None:
    crafter = Crafter().file("a", TEN * 10).inner_file("b", TEN)
    data = crafter.build()
    offset = crafter.entries[0]["offset"]
    blob = RecordingReader(data, broken={offset + 15: data[offset + 15] ^ 0xFF})
    archive = open_blob(blob)

    assert (content(archive, 0), content(archive, 1)) == (TEN * 10, TEN)


def small_layer() -> tuple[bytes, str, list[bytes]]:
    contents = [TEN * 3, b"", b"second", b"third, beside it"]
    crafter = Crafter().dir("d/").file("d/a", contents[0], chunk_size=12).file("empty", b"")
    crafter.file("b", contents[2]).inner_file("c", contents[3])
    document = go_json(crafter.entries)
    return crafter.build(document=document), sha256(document), contents


@given(st.data())
def test_whatever_byte_is_broken_no_wrong_byte_leaves(data: st.DataObject) -> None:
    blob, toc_digest, contents = small_layer()
    broken = bytearray(blob)
    broken[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    descriptor = descriptor_of(blob, toc_digest)

    with suppress(CrfsError):
        archive = open_archive(BytesReader(bytes(broken)), descriptor, Means(DictStore()))
        if archive is not None:
            for position, expected in enumerate(contents, 1):
                with suppress(CrfsError):
                    reader = archive.open(position)
                    assert reader.read_at(0, 1000) == expected


@pytest.mark.parametrize("kind", ["dir", "symlink", "fifo"])
def test_what_is_no_file_cannot_be_opened(kind: str) -> None:
    with pytest.raises(Corrupt, match=f"file 'a': kind: {kind}; expected reg"):
        open_blob(Crafter().entry("a", kind).build()).open(0)


def test_ten_threads_that_want_one_chunk_decode_it_once() -> None:
    class CountingStore(DictStore):
        puts = 0

        def put(self, key: str, data: bytes) -> None:
            self.puts += 1
            super().put(key, data)

    data = os.urandom(1 << 20)
    blob, store = RecordingReader(Crafter().file("a", data).build()), CountingStore()
    archive = open_blob(blob, store=store)
    blob.reads.clear()
    barrier, wrong = threading.Barrier(10), []

    def read(number: int) -> None:
        barrier.wait()
        if archive.open(0).read_at(number * 1000, 1000) != data[number * 1000 :][:1000]:
            wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (wrong, store.puts, len(blob.reads)) == ([], 1, 1)
