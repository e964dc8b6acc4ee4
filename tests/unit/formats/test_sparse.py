"""Sparse files in tars, as GNU tar writes them in each of its formats; and members of rare types."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.archive import Archive
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.errors import Corrupt, OverLimit
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.layerstream import LayerStream
from crfs_dav.formats.limits import MIB
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.sparse import Piece, SparseReader
from crfs_dav.formats.spool import Spools
from crfs_dav.formats.writer import write_estargz
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader
from tests.support.archives import Member, file, header_of, tar_of, targz_of
from tests.support.recording import DictStore
from tests.support.stargz import content as content_of
from tests.support.stargz import open_blob

CONTENT = bytes(8192) + b"one" * 2000 + bytes(100_000) + b"end"
PIECES = [(8192, 6000), (114_192, 3)]
STORED = b"one" * 2000 + b"end"


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(MappedFiles(tmp_path / "spool", 64 * MIB))


def opened(tar: bytes, spools: Spools) -> Archive:
    blob = targz_of(tar)
    archive = open_archive(
        BytesReader(blob), Descriptor("", digest_of(blob), len(blob)), Means(DictStore(), spools, passes=Passes())
    )
    assert archive is not None
    return archive


def content(archive: Archive, position: int) -> bytes:
    reader = archive.open(position)
    assert reader.size == archive.entries[position].size
    return reader.read_at(0, reader.size)


def old_gnu(*, pieces: list[tuple[int, int]], size: int, stored: bytes, continued: bytes = b"") -> bytes:
    """A member of type S; `continued` are the blocks that go on with its map."""
    header = bytearray(header_of(Member("s", b"S", stored), "gnu"))
    for number, (offset, piece_size) in enumerate(pieces[:4]):
        header[386 + 24 * number : 410 + 24 * number] = b"%011o\0%011o\0" % (offset, piece_size)
    header[482] = bool(continued)
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + continued + stored + bytes(-len(stored) % 512)


def version_0(numbers: bytes, *, size: int = len(CONTENT)) -> Member:
    records = {"GNU.sparse.size": b"%d" % size, "GNU.sparse.map": numbers, "GNU.sparse.name": b"true-name"}
    return file("GNUSparseFile.1/x", STORED).with_records(records)


def version_1(text: bytes, *, size: int = len(CONTENT), stored: bytes = STORED) -> Member:
    records = {"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0", "GNU.sparse.name": b"true-name"}
    records["GNU.sparse.realsize"] = b"%d" % size
    return file("GNUSparseFile.1/x", text.ljust(-(-len(text) // 512) * 512, b"\0") + stored).with_records(records)


@pytest.mark.parametrize("form", ["gnu", "0.0", "0.1", "1.0"])
@pytest.mark.parametrize("pieces", [2, 60], ids=["few pieces", "many pieces"])
def test_sparse_files_of_gnu_tar_are_read(form: str, pieces: int, tmp_path: Path, spools: Spools) -> None:
    tool = shutil.which("tar")
    assert tool is not None
    with (tmp_path / "s").open("wb") as sparse:
        for number in range(pieces):
            sparse.seek((number + 1) * 200_000)
            sparse.write(b"%08d" % number * 100)
        sparse.truncate((pieces + 1) * 200_000 + 7)
    (tmp_path / "z").write_bytes(b"after")
    options = ["--format=gnu"] if form == "gnu" else ["--format=pax", f"--sparse-version={form}"]
    tar = subprocess.run(
        [tool, "-C", tmp_path, "-S", *options, "-cf", "-", "s", "z"], capture_output=True, check=True
    ).stdout
    archive = opened(tar, spools)

    assert len(tar) < (tmp_path / "s").stat().st_size / 2
    assert [entry.name for entry in archive.entries] == ["s", "z"]
    assert content(archive, 0) == (tmp_path / "s").read_bytes()
    assert content(archive, 1) == b"after"


def test_a_map_that_goes_on_in_further_blocks_is_read_to_its_end(spools: Spools) -> None:
    pieces = [(number * 1000, 1) for number in range(4 + 21 + 1)]
    more = [b"".join(b"%011o\0%011o\0" % piece for piece in part) for part in (pieces[4:25], pieces[25:])]
    continued = more[0].ljust(504, b"\0") + b"\1".ljust(8, b"\0") + more[1].ljust(512, b"\0")
    tar = tar_of(old_gnu(pieces=pieces, size=30_000, stored=b"x" * 26, continued=continued), file("z", b"after"))
    archive = opened(tar, spools)

    expected = bytearray(30_000)
    for offset, _ in pieces:
        expected[offset] = ord("x")
    assert (content(archive, 0), content(archive, 1)) == (bytes(expected), b"after")


@pytest.mark.parametrize(
    "member",
    [version_0(b"8192,6000,114192,3"), version_1(b"2\n8192\n6000\n114192\n3\n")],
    ids=["version 0.1", "version 1.0"],
)
def test_the_true_name_is_the_records(member: Member, spools: Spools) -> None:
    archive = opened(tar_of(member, file("z", b"after")), spools)

    assert [entry.name for entry in archive.entries] == ["true-name", "z"]
    assert (content(archive, 0), content(archive, 1)) == (CONTENT, b"after")


@pytest.mark.parametrize(
    "member",
    [
        version_0(b"8192,6000,114192"),
        version_0(b"8192,6000,114192,4"),
        version_0(b"114192,3,8192,6000"),
        version_0(b"8192,6000,114192,3", size=100_000),
        version_0(b"8192,6000,-5,3"),
        version_0(b"99999999999999999999,6003"),
        version_0(b"x"),
        version_0(b"8192,6000,114192,3", size=1 << 62),
        version_1(b"3\n8192\n6000\n"),
        version_1(b"999999999999999999\n1\n"),
        version_1(b"x\n"),
        version_1(b"1" * 600, stored=b""),
        old_gnu(pieces=[(8192, 6000)], size=100, stored=STORED),
        old_gnu(pieces=[(0, len(STORED))], size=0, stored=STORED),
        Member("m", b"M", b"rest of a volume"),
        Member("v", b"V"),
        Member("?", b"?", b"what"),
    ],
)
def test_a_file_that_cannot_be_understood_is_corrupt_and_harms_no_other(
    member: Member | bytes, spools: Spools, caplog: pytest.LogCaptureFixture
) -> None:
    archive = opened(tar_of(file("a", b"before"), member, file("z", b"after")), spools)

    assert (content(archive, 0), content(archive, 2)) == (b"before", b"after")
    with pytest.raises(Corrupt, match=r"^file .*; expected a plain file"):
        archive.open(1)
    assert len([record for record in caplog.records if "cannot be read, the first is" in record.message]) == 1


def test_a_hole_of_a_pebibyte_costs_only_what_is_read(spools: Spools) -> None:
    archive = opened(tar_of(version_0(b"8192,6000,1125899906842624,3", size=(1 << 50) + 3)), spools)

    assert archive.open(0).read_at(1 << 50, 10) == b"end"


def test_a_map_without_end_is_left_after_a_mebibyte(spools: Spools) -> None:
    blocks = (bytes(504) + b"\1".ljust(8, b"\0")) * 4096
    with pytest.raises(Corrupt):  # what follows the first mebibyte of the map is no header
        opened(tar_of(old_gnu(pieces=[], size=5, stored=b"", continued=blocks)), spools)


def test_the_writer_takes_no_file_that_it_does_not_understand() -> None:
    with pytest.raises(Corrupt, match="tar entry 'm': type b'M'; expected a plain one"):
        write_estargz(io.BytesIO(tar_of(Member("m", b"M", b"rest"))), io.BytesIO())


SPARSE = {
    "old GNU": old_gnu(pieces=PIECES, size=len(CONTENT), stored=STORED),
    "version 0.1": version_0(b"8192,6000,114192,3"),
    "version 1.0": version_1(b"2\n8192\n6000\n114192\n3\n"),
}


@pytest.mark.parametrize("member", SPARSE.values(), ids=SPARSE)
@pytest.mark.parametrize("chunk_size", [1000, 4 << 20])
def test_the_writer_makes_plain_files_of_sparse_ones(member: Member | bytes, chunk_size: int) -> None:
    out = io.BytesIO()
    written = write_estargz(io.BytesIO(tar_of(member, file("z", b"after"))), out, chunk_size=chunk_size)

    content = gzip.decompress(out.getvalue())
    assert digest_of(content) == written.diff_id
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = {info.name: (info.size, info.issparse(), tar.extractfile(info)) for info in tar}
    name = "s" if isinstance(member, bytes) else "true-name"
    assert {key: (size, sparse) for key, (size, sparse, _) in found.items() if key != "stargz.index.json"} == {
        ".no.prefetch.landmark": (1, False),
        name: (len(CONTENT), False),
        "z": (5, False),
    }
    archive = open_blob(out.getvalue())
    assert content_of(archive, [entry.name for entry in archive.entries].index(name)) == CONTENT


def test_sparse_files_of_gnu_tar_become_the_files_that_it_read(tmp_path: Path) -> None:
    with (tmp_path / "s").open("wb") as sparse:
        for number in range(30):
            sparse.seek((number + 1) * 200_000)
            sparse.write(b"%08d" % number * 100)
    os.utime(tmp_path / "s", (1_500_000_000.5, 1_500_000_000.5))
    tar = subprocess.run(["tar", "-C", tmp_path, "-S", "--format=pax", "-cf", "-", "s"], capture_output=True).stdout
    out = io.BytesIO()
    write_estargz(io.BytesIO(tar), out)

    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "out", "-xzf", "-"], input=out.getvalue(), check=True)

    assert (tmp_path / "out/s").read_bytes() == (tmp_path / "s").read_bytes()
    assert (tmp_path / "out/s").stat().st_mtime == 1_500_000_000.5


def test_holes_of_a_layer_are_bounded_in_all() -> None:
    member = version_0(b"8192,6000,114192,3")
    stream = LayerStream(io.BytesIO(tar_of(member, member)), limit=len(CONTENT))
    assert stream.next() is not None
    with pytest.raises(OverLimit, match=r"tar entry 'true-name': sparse, 114195 bytes"):
        stream.next()


@given(st.lists(st.tuples(st.integers(0, 50), st.binary(min_size=1, max_size=50)), max_size=20), st.data())
def test_any_range_of_a_sparse_file_is_the_slice(parts: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole, stored, pieces = bytearray(), bytearray(), []
    for gap, part in parts:
        whole += bytes(gap)
        pieces.append(Piece(len(whole), len(part), len(stored)))
        whole, stored = whole + part, stored + part
    whole += bytes(data.draw(st.integers(0, 50)))
    reader = SparseReader(BytesReader(bytes(stored)), len(whole), pieces)
    offset, size = data.draw(st.integers(0, len(whole) + 5)), data.draw(st.integers(0, len(whole) + 5))

    assert reader.read_at(offset, size) == whole[offset : offset + size]
