from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.errors import BadName, Corrupt
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.estargz import HIDDEN
from crfs_dav.formats.gzipwrite import deflate_without_libdeflate, gzip_member
from crfs_dav.formats.output import Written, footer_of
from crfs_dav.formats.writer import write_estargz, write_layer
from crfs_dav.formats.writing import Format, WriteOptions
from crfs_dav.names import digest_of
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, Descriptor
from crfs_dav.readers import BytesReader
from tests.support.archives import END, Member, char, dir_, file, hardlink, link, tar_of
from tests.support.awkward import NOT_UTF8, awkward_layers, lines
from tests.support.stargz import content as content_of
from tests.support.stargz import open_blob
from tests.support.zstdchunked import open_zstd

LAYERS = awkward_layers(many=20)
CHUNK = 1000


def write(tar: bytes, **options: Any) -> tuple[bytes, Written]:
    out = io.BytesIO()
    written = write_estargz(io.BytesIO(tar), out, **options)
    return out.getvalue(), written


def toc_of(blob: bytes) -> list[dict[str, Any]]:
    """The TOC's entries without the landmark's, read by `tarfile` and `json`."""
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        toc = tar.extractfile("stargz.index.json")
        assert toc is not None
        entries: list[dict[str, Any]] = json.load(toc)["entries"]
    assert entries.pop(0)["name"] == ".no.prefetch.landmark"
    return entries


def row_of(member: Member) -> dict[str, Any]:
    return toc_of(write(tar_of(member))[0])[0]


def inflated_from(blob: bytes, offset: int) -> bytes:
    """Content of the gzip member at `offset`, which must begin there."""
    return zlib.decompressobj(31).decompress(blob[offset:])


@pytest.mark.parametrize("tar", LAYERS, ids=["base", "upper", "top"])
def test_our_reader_reads_what_was_written(tar: bytes) -> None:
    blob, written = write(tar)
    notes = {TOC_DIGEST_ANNOTATION: str(written.toc_digest)}
    archive = open_archive(
        BytesReader(blob), Descriptor("", written.digest, written.size, notes), Means(MemoryStore(1 << 26))
    )
    assert archive is not None
    with tarfile.open(fileobj=io.BytesIO(tar)) as source:
        last = {member.name: member for member in source.getmembers()}
        members = [member for member in source.getmembers() if last[member.name] is member]
        assert len(members) == len(archive.entries)
        for position, (member, entry) in enumerate(zip(members, archive.entries, strict=True)):
            assert entry.name.strip("./") == member.name.strip("./")
            assert (entry.mode, entry.uid, entry.gid) == (member.mode, member.uid, member.gid)
            assert (entry.user_name, entry.link_name) == (member.uname, member.linkname)
            if member.isreg():
                content = source.extractfile(member)
                assert content is not None
                assert archive.open(position).read_at(0, entry.size) == content.read()


@pytest.mark.parametrize("tar", LAYERS, ids=["base", "upper", "top"])
def test_decompressed_it_is_the_tar_between_landmark_and_toc(tar: bytes) -> None:
    content = gzip.decompress(write(tar)[0])
    landmark = 512 + 512
    assert content[landmark : landmark + len(tar) - len(END)] == tar[: -len(END)]
    assert content[landmark + len(tar) - len(END) :].startswith(b"stargz.index.json\0")


def test_other_tools_take_it_for_a_tar_gz(tmp_path: Path) -> None:
    path = tmp_path / "layer.tgz"
    path.write_bytes(write(LAYERS[0])[0])
    gzip_tool, tar_tool = shutil.which("gzip"), shutil.which("tar")
    assert gzip_tool is not None
    assert tar_tool is not None
    subprocess.run([gzip_tool, "-t", path], check=True)
    listed = subprocess.run([tar_tool, "tzf", path], check=True, capture_output=True).stdout.splitlines()
    assert listed[0] == b".no.prefetch.landmark"
    assert listed[-1] == b"stargz.index.json"
    assert NOT_UTF8.replace(b"\xe9\xff", b"\\351\\377") in listed


def test_written_tells_digests_and_size() -> None:
    blob, written = write(LAYERS[1])
    content = gzip.decompress(blob)
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        toc = tar.extractfile("stargz.index.json")
        assert toc is not None
        assert written == Written(
            digest_of(toc.read()), digest_of(content), digest_of(blob), len(blob), len(content), written.annotations
        )


def test_the_same_tar_gives_the_same_blob_from_any_stream() -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 100))

    out = io.BytesIO()
    write_estargz(Dribble(LAYERS[1]), out)
    assert out.getvalue() == write(LAYERS[1])[0]


def test_the_footer_is_the_one_that_go_writes() -> None:
    assert footer_of(0x1234567) == (
        b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0" + b"0000000001234567STARGZ" + b"\x01\0\0\xff\xff" + bytes(8)
    )
    blob, _ = write(tar_of(file("a", b"1")))
    assert inflated_from(blob, int(blob[-35:-19], 16)).startswith(b"stargz.index.json\0")


def test_members_begin_at_payloads() -> None:
    data = lines("x", 2 * CHUNK + 1)
    blob, _ = write(tar_of(dir_("d"), file("d/f", data), file("d/g", b"next")), chunk_size=CHUNK)
    _, first, second, third, last = toc_of(blob)
    for row, content in ((first, data[:CHUNK]), (second, data[CHUNK:-1]), (third, data[-1:]), (last, b"next")):
        assert inflated_from(blob, row["offset"]).startswith(content)


def test_the_landmark_has_a_member_of_its_own() -> None:
    blob, _ = write(tar_of(dir_("d")))
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        toc = tar.extractfile("stargz.index.json")
        assert toc is not None
        landmark = json.load(toc)["entries"][0]
    assert inflated_from(blob, landmark["offset"]) == b"\x0f" + bytes(511)


@pytest.mark.parametrize(
    ("size", "chunks"),
    [
        (1, [(0, None)]),
        (CHUNK, [(0, None)]),
        (CHUNK + 1, [(0, CHUNK), (CHUNK, None)]),
        (3 * CHUNK, [(0, CHUNK), (CHUNK, CHUNK), (2 * CHUNK, None)]),
    ],
)
def test_chunk_size_is_told_of_all_chunks_but_the_last(size: int, chunks: list[tuple[int, int | None]]) -> None:
    data = lines("x", size)
    rows = toc_of(write(tar_of(file("f", data)), chunk_size=CHUNK)[0])
    assert [(row.get("chunkOffset", 0), row.get("chunkSize")) for row in rows] == chunks
    assert [row["type"] for row in rows] == ["reg"] + ["chunk"] * (len(chunks) - 1)
    assert rows[0]["digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    for row in rows:
        start = row.get("chunkOffset", 0)
        assert row["chunkDigest"] == f"sha256:{hashlib.sha256(data[start : start + CHUNK]).hexdigest()}"


def test_empty_files_have_a_digest_and_no_offset() -> None:
    row = row_of(file("empty"))
    assert row["digest"] == str(digest_of(b""))
    assert not {"offset", "size", "chunkDigest"} & set(row)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (dir_("d/", mode=0o1777), {"name": "d/", "type": "dir", "mode": 0o1777}),
        (link("l", "../x"), {"name": "l", "type": "symlink", "linkName": "../x"}),
        (hardlink("h", "./x"), {"name": "h", "type": "hardlink", "linkName": "./x"}),
        (char("c", 4, 64), {"type": "char", "devMajor": 4, "devMinor": 64}),
        (file("o").owned(7, 8, "me", "us"), {"uid": 7, "gid": 8, "userName": "me", "groupName": "us"}),
        (file("x").with_xattrs({"user.a": b"\0\xff"}), {"xattrs": {"user.a": "AP8="}}),
        (file("t").at(1_500_000_000.75), {"modtime": "2017-07-14T02:40:01Z"}),
        (file("t").at(1_500_000_000.25), {"modtime": "2017-07-14T02:40:00Z"}),
        (file("t").at(-1), {"modtime": "1969-12-31T23:59:59Z"}),
        (file("t").at(-62_000_000_000), {"modtime": "0005-04-19T09:46:40Z"}),
        (file(b"n\xe9\xff"), {"name": "n\ufffd\ufffd"}),
        (file("日本 <&>"), {"name": "日本 <&>"}),
    ],
    ids=lambda value: value.name if isinstance(value, Member) else "",
)
def test_rows_say_what_the_header_says(member: Member, expected: dict[str, Any]) -> None:
    row = row_of(member)
    assert {key: row.get(key) for key in expected} == expected


@pytest.mark.parametrize("mtime", [0, 0.25, 10**12], ids=["epoch", "rounds to the epoch", "year 33658"])
def test_times_without_a_spelling_are_left_out(mtime: float) -> None:
    assert "modtime" not in row_of(file("t").at(mtime))


def test_names_of_owners_are_told_where_they_are_news() -> None:
    members = [file("a").owned(1, 1, "x", "g"), file("b").owned(1, 1, "x", "g"), file("c").owned(1, 1, "y", "g")]
    rows = toc_of(write(tar_of(*members))[0])
    assert [(row.get("userName"), row.get("groupName")) for row in rows] == [("x", "g"), (None, None), ("y", None)]


@pytest.mark.parametrize("prefix", ["", "./"])
def test_landmarks_and_toc_of_another_writer_are_replaced(prefix: str) -> None:
    contents = dict.fromkeys(HIDDEN, b"\x0f") | {"stargz.index.json": b'{\n\t"version": 1,\n\t"entries": []}'}
    others = [file(prefix + name, content) for name, content in contents.items()]
    blob, _ = write(tar_of(*others, file("d/stargz.index.json", b"mine")))
    assert [row["name"] for row in toc_of(blob)] == ["d/stargz.index.json"]
    assert gzip.decompress(blob).count(b"stargz.index.json\0") == 2


def test_written_again_a_layer_stays_the_same() -> None:
    blob, written = write(LAYERS[1])
    again, written_again = write(gzip.decompress(blob))
    assert (again, written_again) == (blob, written)


def test_a_long_run_of_headers_is_cut_into_members() -> None:
    sizes: list[int] = []

    def compress(data: bytearray) -> bytes:
        sizes.append(len(data))
        return gzip_member(data, 1)

    blob, _ = write(tar_of(*(dir_(f"d{n}") for n in range(9000))), compress=compress, chunk_size=CHUNK)
    assert len(toc_of(blob)) == 9000
    assert max(sizes[:-1]) <= (4 << 20) + 2 * CHUNK


def test_the_level_of_compression_can_be_chosen() -> None:
    stored = write(LAYERS[0], compress=partial(gzip_member, level=0))
    assert stored[1].size > write(LAYERS[0])[1].size
    assert stored[1].diff_id != digest_of(b"")
    assert digest_of(gzip.decompress(stored[0])) == stored[1].diff_id


@pytest.mark.parametrize("threads", [2, 5])
@pytest.mark.parametrize(
    ("tar", "chunk_size"), list(zip(LAYERS, [1 << 18, CHUNK, CHUNK], strict=True)), ids=["base", "upper", "top"]
)
def test_any_number_of_threads_gives_the_same_blob(tar: bytes, chunk_size: int, threads: int) -> None:
    assert write(tar, chunk_size=chunk_size, threads=threads) == write(tar, chunk_size=chunk_size)


def test_members_keep_their_order_where_the_first_takes_longest() -> None:
    first_may_end = threading.Event()

    def compress(data: bytearray) -> bytes:
        if data.startswith(b"slow"):
            assert first_may_end.wait(10)
        if data.startswith(b"fast"):
            first_may_end.set()
        return gzip_member(data)

    tar = tar_of(file("a", b"slow"), file("b", b"fast"))
    assert write(tar, compress=compress, threads=2) == write(tar)


@pytest.mark.parametrize(
    ("size", "count", "most"), [(CHUNK, 900, 514 * (CHUNK + 1024)), (3 << 20, 20, 31 << 20)], ids=["small", "large"]
)
def test_few_members_are_held_at_a_time(size: int, count: int, most: int) -> None:
    class Counting(io.BytesIO):
        most_ahead = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.most_ahead = max(self.most_ahead, self.tell() - written_content())
            return super().read(size)

    out = io.BytesIO()

    def written_content() -> int:
        return len(out.getvalue())

    source = Counting(tar_of(*(file(f"f{number}", bytes(size)) for number in range(count))))
    write_estargz(source, out, compress=partial(gzip_member, level=0), threads=2)
    assert source.most_ahead < most


def test_what_fails_in_a_thread_fails_the_layer() -> None:
    def compress(data: bytearray) -> bytes:
        raise MemoryError

    with pytest.raises(MemoryError):
        write(LAYERS[0], compress=compress, threads=3)


@pytest.mark.parametrize("level", [0, 1, 6, 9, 12])
def test_without_the_extra_members_are_read_the_same(level: int) -> None:
    data = lines("x", 50_000)
    assert zlib.decompress(deflate_without_libdeflate(data, level), -15) == data
    assert gzip.decompress(gzip_member(data, level)) == data


@pytest.mark.parametrize("size", [1, 511, 512, 600])
def test_a_tar_that_ends_too_early_is_corrupt(size: int) -> None:
    tar = tar_of(file("a", bytes(1000)))
    with pytest.raises(Corrupt):
        write(tar[: size if size != 512 else 513])


def layer(tar: bytes, options: WriteOptions, **more: Any) -> tuple[bytes, Written]:
    out = io.BytesIO()
    with ThreadPoolExecutor(2) as pool:
        written = write_layer(io.BytesIO(tar), out, options, pool=pool, **more)
    return out.getvalue(), written


@pytest.mark.parametrize("member", [file("stargz.index.json", b"mine"), link(".prefetch.landmark", "x")])
def test_a_file_of_somebody_elses_under_a_reserved_name_is_refused(member: Member) -> None:
    with pytest.raises(Corrupt, match="keeps for itself"):
        write(tar_of(member))


def test_a_broken_tar_is_told_with_the_last_entry_before() -> None:
    with pytest.raises(Corrupt, match=r"end of stream with .*, at or after the entry 'second'"):
        write(tar_of(file("first", b"1"), file("second", bytes(5000)))[:3000])


def test_of_files_by_one_name_the_toc_has_the_last() -> None:
    members = [file("./a", bytes(CHUNK + 1)), file("b", b"b").owned(1, 1, "x"), file("a", b"new"), file("b", b"c")]
    rows = toc_of(write(tar_of(*members), chunk_size=CHUNK)[0])
    assert [(row["name"], row.get("size")) for row in rows] == [("a", 3), ("b", 1)]


def test_names_of_owners_outlive_the_row_that_told_them() -> None:
    members = [file("a").owned(1, 1, "x", "g"), file("a"), file("b").owned(1, 1, "x", "g")]
    rows = toc_of(write(tar_of(*members))[0])
    assert [(row["name"], row.get("userName"), row.get("groupName")) for row in rows] == [
        ("a", "root", "root"),
        ("b", "x", "g"),
    ]


@pytest.mark.parametrize(
    "members",
    [
        (dir_("d"), file("d/x"), file("d"), dir_("d")),
        (file("d", b"old"), hardlink("keeps", "./d"), file("d", b"new")),
    ],
    ids=["once a directory", "linked in between"],
)
def test_rows_that_later_ones_do_not_make_void_stay(members: tuple[Member, ...]) -> None:
    assert len(toc_of(write(tar_of(*members))[0])) == len(members)


def test_small_files_share_a_member_up_to_the_least_size() -> None:
    members = [file(f"f{number}", bytes([65 + number]) * 300) for number in range(8)]
    blob, _ = layer(tar_of(*members), WriteOptions(min_chunk_size=3000))
    rows = toc_of(blob)
    assert len({row["offset"] for row in rows}) == 3
    for number, row in enumerate(rows):
        assert inflated_from(blob, row["offset"])[row.get("innerOffset", 0) :].startswith(bytes([65 + number]) * 300)


def test_the_landmark_stands_behind_what_comes_first() -> None:
    blob, _ = layer(tar_of(dir_("d"), file("d/hot", b"1"), file("cold", b"2")), WriteOptions(), prioritized=2)
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        assert tar.getnames() == ["d", "d/hot", ".prefetch.landmark", "cold", "stargz.index.json"]
        toc = tar.extractfile("stargz.index.json")
        assert toc is not None
        offsets = {row["name"]: row.get("offset", 0) for row in json.load(toc)["entries"]}
    assert offsets["d/hot"] < offsets[".prefetch.landmark"] < offsets["cold"]


def test_stargz_has_the_footer_of_crfs_and_no_landmark() -> None:
    tar = tar_of(file("a", b"1"))
    blob, written = layer(tar, WriteOptions(Format.STARGZ))
    assert blob[-47:-31] == bytes.fromhex("1f8b0804 00000000 00ff 1600") + blob[-35:-31]
    assert gzip.decompress(blob).startswith(tar[: -len(END)])
    assert written.annotations == {}
    archive = open_blob(blob)
    assert [entry.name for entry in archive.entries] == ["a"]
    assert content_of(archive, 0) == b"1"


@pytest.mark.parametrize("form", [Format.STARGZ, Format.ZSTD_CHUNKED, Format.ESTARGZ])
@pytest.mark.parametrize("least", [0, 2000])
@pytest.mark.parametrize("tar", LAYERS, ids=["base", "upper", "top"])
def test_every_format_holds_what_the_tar_holds(tar: bytes, form: Format, least: int) -> None:
    options = WriteOptions(form, chunk_size=1 << 20, min_chunk_size=0 if form is Format.STARGZ else least)
    blob, written = layer(tar, options)
    assert layer(tar, options) == (blob, written)
    archive = open_zstd(blob, written.annotations)
    with tarfile.open(fileobj=io.BytesIO(tar)) as source:
        last = {member.name.strip("./"): member for member in source.getmembers()}
        for position, entry in enumerate(archive.entries):
            member = last[entry.name.strip("./")]
            if member.isreg():
                content = source.extractfile(member)
                assert content is not None
                assert archive.open(position).read_at(0, entry.size) == content.read()
    assert len(archive.entries) == len(last)


@pytest.mark.parametrize(
    "values",
    [
        {"level": 13},
        {"level": 0, "format": Format.ZSTD_CHUNKED},
        {"chunk_size": 0},
        {"chunk_size": 17 << 20},
        {"min_chunk_size": 1, "format": Format.STARGZ},
    ],
)
def test_what_no_reader_could_read_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadName, match="expected"):
        WriteOptions(**values)
