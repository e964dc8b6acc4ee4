"""tar+zstd: one pass over the blob, then frame by frame from the blob or from a spool."""

from __future__ import annotations

import random
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crfs_dav.archive import Archive, ReadThrough
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.errors import Corrupt, CrfsError, Unavailable
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.columnstore import ColumnStore
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ReaderAt
from tests.support.archives import dir_, file, link, tar_of
from tests.support.recording import DictStore, RecordingReader, SlowReader
from tests.support.zstdchunked import frame, skippable

NOISE = random.Random(7).randbytes(3 * MIB)
TAR = tar_of(
    dir_("etc/"), file("etc/passwd", b"root:x"), file("noise", NOISE), link("l", "noise"), file("last", b"end")
)
ONE_FRAME = frame(TAR)
FRAMES = b"".join(frame(TAR[start : start + 400_000]) for start in range(0, len(TAR), 400_000))


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(MappedFiles(tmp_path / "spool", 64 * MIB))


def opened(blob: ReaderAt | bytes, spools: Spools | None, limits: Limits | None = None) -> Archive | None:
    reader = RecordingReader(blob) if isinstance(blob, bytes) else blob
    digest = digest_of(blob if isinstance(blob, bytes) else reader.read_at(0, reader.size))
    descriptor = Descriptor("", digest, reader.size)
    return open_archive(reader, descriptor, Means(DictStore(), spools, limits or Limits(), passes=Passes()))


def archive_of(blob: ReaderAt | bytes, spools: Spools, limits: Limits | None = None) -> Archive:
    archive = opened(blob, spools, limits)
    assert archive is not None
    return archive


def contents(archive: Archive) -> dict[str, bytes]:
    files = [position for position, entry in enumerate(archive.entries) if entry.size]
    return {archive.entries[each].name: archive.open(each).read_at(0, 1 << 30) for each in files}


@pytest.mark.parametrize("blob", [ONE_FRAME, FRAMES, skippable(b"\1\2\3\4") + FRAMES], ids=["one", "many", "pzstd"])
def test_reads_the_files_of_one_frame_and_of_many(blob: bytes, spools: Spools) -> None:
    archive = archive_of(blob, spools)
    assert [entry.name for entry in archive.entries] == ["etc/", "etc/passwd", "noise", "l", "last"]
    assert archive.entries[3].link_name == "noise"
    assert contents(archive) == {"etc/passwd": b"root:x", "noise": NOISE, "last": b"end"}


def test_files_know_their_digest(spools: Spools) -> None:
    assert archive_of(ONE_FRAME, spools).entries[2].digest == digest_of(NOISE)


def test_one_frame_is_read_once_and_then_from_the_spool(spools: Spools) -> None:
    blob = RecordingReader(ONE_FRAME)
    archive = archive_of(blob, spools)
    blob.reads.clear()
    contents(archive)
    assert blob.reads == []


def test_many_frames_are_read_one_by_one_from_the_blob(spools: Spools) -> None:
    blob = RecordingReader(FRAMES)
    archive = archive_of(blob, spools)
    blob.reads.clear()
    assert archive.open(4).read_at(0, 3) == b"end"
    assert sum(size for _, size in blob.reads) < 600_000
    assert len(blob.reads) == 1


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_range_is_the_slice(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    spools = Spools(MappedFiles(tmp_path_factory.mktemp("spool"), 64 * MIB))
    reader = archive_of(data.draw(st.sampled_from([ONE_FRAME, FRAMES])), spools).open(2)
    offset, size = data.draw(st.integers(0, len(NOISE))), data.draw(st.integers(0, len(NOISE)))
    assert reader.read_at(offset, size) == NOISE[offset : offset + size]


def test_without_spools_it_is_no_archive() -> None:
    assert opened(ONE_FRAME, None) is None


def test_who_waits_too_long_is_told_to_come_back_and_then_finds_it(tmp_path: Path) -> None:
    passes = Passes(patience_seconds=0.05)
    blob = SlowReader(ONE_FRAME)
    descriptor = Descriptor("application/vnd.oci.image.layer.v1.tar+zstd", digest_of(ONE_FRAME), blob.size)
    means = Means(DictStore(), Spools(MappedFiles(tmp_path, 64 * MIB)), passes=passes)
    with pytest.raises(Unavailable, match="being read from its start") as caught:
        open_archive(blob, descriptor, means)
    assert caught.value.retry_after_seconds
    blob.gate.set()
    for _ in range(200):
        try:
            archive = open_archive(blob, descriptor, means)
            break
        except Unavailable:
            continue
    assert archive is not None
    assert archive.open(4).read_at(0, 3) == b"end"
    assert blob.passes == 1


def spool_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_one_frame_leaves_one_private_file_and_many_leave_none(tmp_path: Path) -> None:
    spools = Spools(MappedFiles(tmp_path, 64 * MIB))
    archive_of(FRAMES, spools)
    assert spool_files(tmp_path) == []
    archive_of(ONE_FRAME, spools)
    [path] = spool_files(tmp_path)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)]
    assert (path.name[:7], modes) == ("frames-", [0o600, 0o700])


def test_a_spool_that_was_removed_is_filled_again(tmp_path: Path) -> None:
    archive = archive_of(ONE_FRAME, Spools(MappedFiles(tmp_path, 64 * MIB)))
    for path in spool_files(tmp_path):
        path.unlink()
    assert contents(archive)["noise"] == NOISE
    assert len(spool_files(tmp_path)) == 1


@pytest.mark.parametrize(
    "spoil",
    [lambda data: data[: len(data) // 2], lambda data: bytes(len(data)), lambda data: b"", lambda data: data[::-1]],
    ids=["cut", "zeros", "empty", "other"],
)
def test_a_spool_that_something_changed_is_found_and_made_anew(
    spoil: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = archive_of(ONE_FRAME, Spools(MappedFiles(tmp_path, 64 * MIB)))
    [path] = spool_files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))

    assert contents(archive) == {"etc/passwd": b"root:x", "noise": NOISE, "last": b"end"}
    assert [each.read_bytes() for each in spool_files(tmp_path)] == [whole]
    assert "making its spool again" in caplog.text


def test_a_broken_layer_leaves_nothing_on_disk(tmp_path: Path) -> None:
    with pytest.raises(Corrupt):
        opened(ONE_FRAME[:-100], Spools(MappedFiles(tmp_path, 64 * MIB)))
    assert spool_files(tmp_path) == []


def test_content_beyond_the_spool_is_unavailable_but_frames_need_none(tmp_path: Path) -> None:
    spools = Spools(MappedFiles(tmp_path, MIB))
    with pytest.raises(Unavailable, match="spool: more than 1048576 bytes"):
        opened(ONE_FRAME, spools)
    assert contents(archive_of(FRAMES, spools))["last"] == b"end"


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="spool"):
        opened(ONE_FRAME, Spools(MappedFiles(tmp_path / "file" / "spool", MIB)))


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (ONE_FRAME[:-100], "no end; expected a whole frame"),
        (frame(TAR[: len(TAR) // 2]), "tar: "),
        (frame(b"no tar" * 1000), "tar: "),
        (frame(TAR) + b"trash and more of it", "zstd frame"),
        (bytes.fromhex("28b52ffd00") + bytes([(28 - 10) << 3]) + bytes.fromhex("010000"), "zstd frame"),
    ],
    ids=["cut", "tar cut", "no tar", "trash", "window"],
)
def test_broken_layers_are_corrupt(blob: bytes, message: str, spools: Spools) -> None:
    with pytest.raises(Corrupt, match=message):
        opened(blob, spools)


def test_a_blob_that_is_not_its_digest_is_corrupt(spools: Spools) -> None:
    descriptor = Descriptor("", digest_of(b"other"), len(ONE_FRAME))
    with pytest.raises(Corrupt, match="expected sha256"):
        open_archive(RecordingReader(ONE_FRAME), descriptor, Means(DictStore(), spools, passes=Passes()))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(content=MIB), "more than 1048576 bytes"),
        (Limits(entries=2), "more than 2 entries"),
        (Limits(text_in_all=3), "bytes of names"),
    ],
)
def test_a_layer_beyond_its_bounds_is_corrupt(limits: Limits, message: str, spools: Spools) -> None:
    with pytest.raises(Corrupt, match=message):
        opened(ONE_FRAME, spools, limits)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_broken_bytes_raise_only_our_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    broken = bytearray(frame(tar_of(file("f", b"content" * 30), file("g", b"g"))))
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(4, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        archive = opened(bytes(broken), Spools(MappedFiles(tmp_path_factory.mktemp("spool"), MIB)))
    except CrfsError:
        return
    assert archive is not None
    contents(archive)


def kept_means(folder: Path) -> Means:
    """Means as a process that starts now has them."""
    columns = ColumnStore(MappedFiles(folder / "indexes", 8 * MIB))
    return Means(DictStore(), Spools(MappedFiles(folder / "spool", 64 * MIB)), columns=columns, passes=Passes())


@pytest.mark.parametrize(("blob", "reads"), [(ONE_FRAME, 0), (FRAMES, 1)], ids=["one", "many"])
def test_after_a_restart_what_was_learnt_is_there_without_a_read(blob: bytes, reads: int, tmp_path: Path) -> None:

    descriptor = Descriptor("", digest_of(blob), len(blob))
    assert open_archive(RecordingReader(blob), descriptor, kept_means(tmp_path)) is not None
    again = RecordingReader(blob)
    archive = open_archive(again, descriptor, kept_means(tmp_path))

    assert archive is not None
    assert [entry.name for entry in archive.entries] == ["etc/", "etc/passwd", "noise", "l", "last"]
    assert again.reads == []
    assert isinstance(archive, ReadThrough)
    assert archive.diff_id == digest_of(TAR)
    assert archive.open(4).read_at(0, 3) == b"end"
    assert len(again.reads) == reads


def test_a_restart_with_the_spool_gone_unpacks_once_more(tmp_path: Path) -> None:
    descriptor = Descriptor("", digest_of(ONE_FRAME), len(ONE_FRAME))
    open_archive(RecordingReader(ONE_FRAME), descriptor, kept_means(tmp_path))
    shutil.rmtree(tmp_path / "spool")
    again = RecordingReader(ONE_FRAME)
    archive = open_archive(again, descriptor, kept_means(tmp_path))

    assert archive is not None
    assert contents(archive)["noise"] == NOISE
    assert len(again.reads) == 1


def test_two_processes_that_open_one_layer_read_it_once(tmp_path: Path) -> None:
    blob = RecordingReader(ONE_FRAME)
    descriptor = Descriptor("application/vnd.oci.image.layer.v1.tar+zstd", digest_of(ONE_FRAME), blob.size)
    with ThreadPoolExecutor(2) as pool:
        archives = list(
            pool.map(lambda means: open_archive(blob, descriptor, means), [kept_means(tmp_path) for _ in "ab"])
        )

    assert [contents(archive)["last"] for archive in archives if archive] == [b"end"] * 2
    assert len([offset for offset, size in blob.reads if size > MIB]) == 1


def test_the_diff_id_is_that_of_the_tar_whatever_the_frames(spools: Spools) -> None:
    for blob in (ONE_FRAME, FRAMES):
        archive = archive_of(blob, spools)
        assert isinstance(archive, ReadThrough)
        assert archive.diff_id == digest_of(TAR)
