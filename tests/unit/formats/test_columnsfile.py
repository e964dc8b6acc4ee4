"""Columns as a file: what goes in comes out without being read, and nothing else is believed."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.errors import Corrupt
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.columns import Columns
from crfs_dav.formats.columnsfile import ColumnsFile, dump_columns, load_columns
from crfs_dav.formats.columnstore import ColumnStore
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.entrylist import EntryList
from crfs_dav.formats.toc import load_toc
from crfs_dav.names import digest_of
from crfs_dav.readers import BytesReader, ReaderAt
from tests.support.archives import dir_, estargz_of, file, hardlink, link, tar_of
from tests.support.recording import DictStore
from tests.support.stargz import Toc, descriptor_of, go_json

KEY = f"{digest_of(b'layer')}/test-1"
TAR = tar_of(
    dir_("etc/"),
    file("etc/caf\udce9", b"one").owned(1, 2, "me", "us").with_xattrs({"user.a": b"\0\xff"}),
    file("etc/big", bytes(range(256)) * 40),
    link("link", "etc/big"),
    hardlink("hard", "etc/big"),
)


def some_columns() -> Columns:
    digest = str(digest_of(b"x"))
    entries: list[Toc] = [
        {"name": "a/", "type": "dir", "uid": 7, "userName": "me", "xattrs": {"user.a": "AP8="}},
        {"name": "a/b", "type": "reg", "size": 9, "offset": 9, "digest": digest, "chunkDigest": digest},
        {"name": "a/c", "type": "symlink", "linkName": "b"},
    ]
    return load_toc([go_json(entries)], 1000).columns


def dumped(columns: Columns, key: str = KEY) -> bytes:
    return b"".join(dump_columns(ColumnsFile(columns, {"points": memoryview(b"12345")}, {"diff_id": "x"}), key))


def resealed(data: bytes) -> bytes:
    """The same with a CRC-32 that fits."""
    return data[:12] + struct.pack("<I", zlib.crc32(data[16:])) + data[16:]


class UnreadableBlob:
    """A blob whose size is known, and of which nothing can be had."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        raise AssertionError(f"{size} bytes at {offset}: read; expected no read")


def test_everything_comes_back() -> None:
    columns = some_columns()

    found = load_columns(memoryview(dumped(columns)), KEY)

    assert list(EntryList(found.columns)) == list(EntryList(columns))
    assert list(found.columns.outline()) == list(columns.outline())
    assert found.columns.chunk_row(0) == columns.chunk_row(0)
    assert found.columns.member_end(9) == columns.member_end(9)
    assert (bytes(found.extra["points"]), found.facts) == (b"12345", {"diff_id": "x"})


def test_no_entries_are_columns_too() -> None:
    columns = Columns()
    columns.finish(1)

    assert len(load_columns(memoryview(dumped(columns)), KEY).columns) == 0


def test_a_file_of_another_key_is_not_believed() -> None:
    with pytest.raises(Corrupt, match="expected 'other'"):
        load_columns(memoryview(dumped(some_columns())), "other")


def test_every_part_begins_at_a_multiple_of_eight() -> None:
    dump = dump_columns(ColumnsFile(some_columns()), KEY)

    assert len(b"".join(dump)) % 8 == 0
    assert len(dump.head) % 8 == 0


@given(st.data())
def test_a_changed_or_shortened_file_is_corrupt(data: st.DataObject) -> None:
    whole = bytearray(dumped(some_columns()))
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[at:]
    else:
        whole[at] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(Corrupt):
        load_columns(memoryview(bytes(whole)), KEY)


@given(st.integers(0, 1500), st.binary(min_size=1, max_size=8))
def test_a_header_made_by_a_stranger_is_corrupt_or_loads(at: int, patch: bytes) -> None:
    whole = dumped(some_columns())
    forged = resealed(whole[: 16 + at] + patch + whole[16 + at + len(patch) :])
    try:
        load_columns(memoryview(forged), KEY)
    except Corrupt:
        return


def opened(blob: ReaderAt, layer: bytes, toc_digest: str, folder: Path) -> list[bytes]:
    means = Means(DictStore(), columns=ColumnStore(MappedFiles(folder, 1 << 20)))
    archive = open_archive(blob, descriptor_of(layer, toc_digest or None), means)
    assert archive is not None
    return [entry.name.encode("utf-8", "surrogateescape") for entry in archive.entries]


def estargz() -> tuple[bytes, str]:
    blob, annotations = estargz_of(TAR)
    return blob, next(iter(annotations.values()))


def test_a_layer_opened_once_is_opened_again_without_a_read(tmp_path: Path) -> None:
    blob, toc_digest = estargz()
    first = opened(BytesReader(blob), blob, toc_digest, tmp_path)

    assert opened(UnreadableBlob(len(blob)), blob, toc_digest, tmp_path) == first


def test_a_toc_that_nobody_promised_is_not_kept(tmp_path: Path) -> None:
    blob, _ = estargz()
    opened(BytesReader(blob), blob, "", tmp_path)

    assert list(tmp_path.rglob("estargz*")) == []


def test_a_file_that_broke_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blob, toc_digest = estargz()
    first = opened(BytesReader(blob), blob, toc_digest, tmp_path)
    [path] = tmp_path.rglob("estargz*")
    sound = path.read_bytes()
    path.write_bytes(sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:])

    with caplog.at_level(logging.WARNING):
        assert opened(BytesReader(blob), blob, toc_digest, tmp_path) == first

    assert "making it again" in caplog.text
    assert path.read_bytes() == sound
