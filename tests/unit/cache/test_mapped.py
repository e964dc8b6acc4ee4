"""Files kept and mapped: whole or not at all, private, bounded, never in anybody's way."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.names import digest_of

KEY = f"{digest_of(b'layer')}/estargz-1"
MAX_BYTES = 1 << 20


def file_of(folder: Path) -> Path:
    [path] = folder.glob("sha256-*/*")
    return path


def test_pieces_come_back_as_one_file_in_another_process_too(tmp_path: Path) -> None:
    MappedFiles(tmp_path, MAX_BYTES).put(KEY, [b"some", memoryview(b" data")])

    found = MappedFiles(tmp_path, MAX_BYTES).get(KEY)

    assert found is not None
    assert bytes(found) == b"some data"


def test_files_are_private_and_whole(tmp_path: Path) -> None:
    MappedFiles(tmp_path / "deep", MAX_BYTES).put(KEY, [b"data"])

    path = file_of(tmp_path / "deep")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, tmp_path / "deep")] == [
        0o600,
        0o700,
        0o700,
    ]
    assert list((tmp_path / "deep").rglob("*.tmp")) == []


def test_what_is_removed_or_replaced_stays_readable_for_those_who_mapped_it(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, MAX_BYTES)
    files.put(KEY, [b"old"])
    mapped = files.get(KEY)

    files.put(KEY, [b"newer"])
    files.discard(KEY)

    assert mapped is not None
    assert bytes(mapped) == b"old"
    assert files.get(KEY) is None


@pytest.mark.parametrize("key", ["", "x", "sha256:../x", f"{digest_of(b'')}/../../x", f"{digest_of(b'')}/.hidden"])
def test_what_is_no_key_reaches_no_file(tmp_path: Path, key: str) -> None:
    files = MappedFiles(tmp_path / "files", MAX_BYTES)
    files.put(key, [b"data"])
    files.discard(key)

    assert files.get(key) is None
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_a_miss(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, MAX_BYTES)
    files.put(KEY, [b"data"])
    file_of(tmp_path).write_bytes(b"")

    assert files.get(KEY) is None


def test_a_file_above_the_limit_is_not_kept(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, 100)
    files.put(KEY, [bytes(101)])

    assert files.get(KEY) is None


def test_the_folder_stays_within_its_bytes_and_the_oldest_go_first(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, MAX_BYTES)
    keys = [f"{digest_of(b'%d' % number)}/x" for number in range(40)]
    for age, key in enumerate(keys):
        files.put(key, [bytes(64 << 10)])
        path = tmp_path / key.split("/")[0].replace(":", "-") / "x"
        os.utime(path, (1_000_000_000 + age, 1_000_000_000 + age))

    assert sum(path.stat().st_size for path in tmp_path.rglob("x")) <= MAX_BYTES
    assert files.get(keys[-1]) is not None
    assert files.get(keys[0]) is None


def test_a_disk_that_takes_nothing_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    files = MappedFiles(tmp_path / "file" / "below", MAX_BYTES)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            files.put(KEY, [b"data"])
            assert files.get(KEY) is None
            files.discard(KEY)

    assert len(caplog.records) == 1


def test_an_opened_file_is_known_to_be_kept_until_it_is_removed_or_replaced(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, MAX_BYTES)
    files.put(KEY, [b"old"])
    file = files.open(KEY)
    assert file is not None
    with file:
        assert files.is_kept(KEY, file)
        files.put(KEY, [b"newer"])
        assert not files.is_kept(KEY, file)
        assert file.read() == b"old"


def test_a_draft_is_moved_into_its_place(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, MAX_BYTES)
    draft = files.draft(KEY)
    assert draft is not None
    draft.write_bytes(b"data")
    files.move(KEY, draft)

    assert file_of(tmp_path).read_bytes() == b"data"


def test_what_nobody_uses_for_long_goes_and_what_is_used_stays(tmp_path: Path) -> None:
    now = [1_000_000.0]
    other = f"{digest_of(b'other')}/x"
    files = MappedFiles(tmp_path, MAX_BYTES, max_age_seconds=1000, clock=lambda: now[0])
    for key in (KEY, other):
        files.put(key, [b"data"])
        path = tmp_path / key.split("/")[0].replace(":", "-") / key.split("/")[1]
        os.utime(path, (now[0], now[0]))
    now[0] += 900
    assert files.get(KEY) is not None
    now[0] += 3700 - 900  # more than an hour after the look before
    os.utime(tmp_path / digest_of(b"layer").file_name / "estargz-1", (now[0] - 900, now[0] - 900))

    assert MappedFiles(tmp_path, MAX_BYTES, max_age_seconds=1000, clock=lambda: now[0]).make_room(0)
    assert files.get(KEY) is not None
    assert files.get(other) is None


def test_drafts_are_counted_and_never_removed_under_their_writers(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, MAX_BYTES)
    files.put(KEY, [bytes(MAX_BYTES // 2)])
    draft = files.draft(f"{digest_of(b'other')}/x")
    assert draft is not None
    with draft.open("wb") as file:
        grown = 0
        while files.make_room(64 << 10):
            file.write(bytes(64 << 10))
            file.flush()
            grown += 64 << 10

    assert files.get(KEY) is None
    assert draft.exists()
    assert MAX_BYTES * 3 // 4 < grown <= MAX_BYTES * 17 // 16


def test_a_draft_whose_writer_died_is_swept_away(tmp_path: Path) -> None:
    files = MappedFiles(tmp_path, MAX_BYTES)
    draft = files.draft(KEY)
    assert draft is not None
    draft.write_bytes(b"half")
    os.utime(draft, (1_000_000_000, 1_000_000_000))

    files.put(f"{digest_of(b'other')}/x", [b"data"])
    assert not draft.exists()
