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
