from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.cache.disk import DiskStore
from crfs_dav.names import digest_of

DIGEST = str(digest_of(b"blob"))
KEY = f"{DIGEST}/0-9"
MAX_BYTES = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


def file_of(folder: Path, key: str = KEY) -> Path:
    digest, rest = key.split("/")
    return folder / digest.replace(":", "-") / rest


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_value_is_one_file_in_its_digests_folder(folder: Path) -> None:
    DiskStore(folder, MAX_BYTES).put(KEY, b"some data")
    assert [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    ] == [f"{DIGEST.replace(':', '-')}/0-9"]


def test_folders_and_files_are_private(folder: Path) -> None:
    DiskStore(folder, MAX_BYTES).put(KEY, b"some data")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, file_of(folder).parent, file_of(folder))]
    assert modes == [0o700, 0o700, 0o600]


def test_a_value_outlives_its_store(folder: Path) -> None:
    DiskStore(folder, MAX_BYTES).put(KEY, b"some data")
    assert DiskStore(folder, MAX_BYTES).get(KEY) == b"some data"


def test_a_file_cut_anywhere_is_a_miss_and_removed(folder: Path) -> None:
    store = DiskStore(folder, MAX_BYTES)
    store.put(KEY, b"some data")
    whole = file_of(folder).read_bytes()
    for size in range(len(whole)):
        file_of(folder).write_bytes(whole[:size])
        assert store.get(KEY) is None
        assert not file_of(folder).exists()


def test_a_file_with_any_bit_flipped_is_a_miss(folder: Path) -> None:
    store = DiskStore(folder, MAX_BYTES)
    store.put(KEY, b"some data")
    whole = file_of(folder).read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file_of(folder).write_bytes(flipped)
        assert store.get(KEY) is None


def test_a_file_with_something_behind_it_is_a_miss(folder: Path) -> None:
    store = DiskStore(folder, MAX_BYTES)
    store.put(KEY, b"some data")
    file_of(folder).write_bytes(file_of(folder).read_bytes() + b"\0")
    assert store.get(KEY) is None


@pytest.mark.parametrize("other", [f"{DIGEST}/9-18", f"{digest_of(b'other')}/0-9"])
def test_a_file_under_another_ones_name_is_a_miss(folder: Path, other: str) -> None:
    store = DiskStore(folder, MAX_BYTES)
    store.put(KEY, b"some data")
    store.put(other, b"other bit")
    file_of(folder).replace(file_of(folder, other))
    assert store.get(other) is None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        f"{DIGEST}",
        f"{DIGEST}/",
        f"{DIGEST}/.",
        f"{DIGEST}/..",
        f"{DIGEST}/.lock",
        f"{DIGEST}/a/b",
        f"{DIGEST}/../../x",
        f"{DIGEST}/a\\b",
        f"{DIGEST}/A",
        f"{DIGEST}/a\n",
        f"{DIGEST}/{'a' * 101}",
        "sha256:../x",
        "../x",
        "/etc/passwd",
        f"{DIGEST.replace(':', '-')}/x",
        f"sha256:{'g' * 64}/x",
    ],
)
def test_what_is_no_key_is_never_kept_nor_a_path(folder: Path, key: str) -> None:
    store = DiskStore(folder, MAX_BYTES)
    store.put(key, b"data")
    store.discard(key)
    assert store.get(key) is None
    assert list(store.keys(key)) == []
    assert not folder.exists()


def test_keys_leave_out_what_is_no_value(folder: Path) -> None:
    store = DiskStore(folder, MAX_BYTES)
    store.put(KEY, b"some data")
    (file_of(folder).parent / ".123-abc.tmp").write_bytes(b"")
    (file_of(folder).parent / "UPPER").write_bytes(b"")
    assert list(store.keys(DIGEST)) == [KEY]


def test_the_least_recently_used_goes_first(folder: Path) -> None:
    past = time.time() - 1000
    store = DiskStore(folder, MAX_BYTES)
    for number in range(10):
        store.put(f"{DIGEST}/{number}", bytes(70_000))
        os.utime(file_of(folder, f"{DIGEST}/{number}"), (past + number, past + number))
    assert store.get(f"{DIGEST}/0") is not None
    for number in range(10, 16):
        store.put(f"{DIGEST}/{number}", bytes(70_000))
    kept = {key.partition("/")[2] for key in store.keys(DIGEST)}
    assert "0" in kept
    assert "1" not in kept


def test_a_hit_touches_the_file_at_most_every_minute(folder: Path) -> None:
    now = time.time()
    clock = [now + 59]
    store = DiskStore(folder, MAX_BYTES, clock=lambda: clock[0])
    store.put(KEY, b"some data")
    os.utime(file_of(folder), (now, now))
    store.get(KEY)
    assert file_of(folder).stat().st_mtime == pytest.approx(now)
    clock[0] = now + 61
    store.get(KEY)
    assert file_of(folder).stat().st_mtime == pytest.approx(now + 61)


def test_two_stores_keep_to_one_bound(folder: Path) -> None:
    stores = [DiskStore(folder, MAX_BYTES) for _ in range(2)]
    for number in range(200):
        stores[number % 2].put(f"{DIGEST}/{number}", bytes(12_000))
        assert total(folder) <= MAX_BYTES * 17 // 16
    assert total(folder) > MAX_BYTES // 2


def test_leftovers_of_dead_writers_go_by_age(folder: Path) -> None:
    store = DiskStore(folder, MAX_BYTES)
    store.put(KEY, b"some data")
    old, new = (file_of(folder).parent / name for name in (".1-a.tmp", ".1-b.tmp"))
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    for number in range(2):
        store.put(f"{DIGEST}/{number}", bytes(100_000))
    assert (old.exists(), new.exists()) == (False, True)


def test_what_is_not_the_stores_is_never_removed(folder: Path) -> None:
    mine = folder / "my-photos" / "cat.tmp"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(bytes(4 * MAX_BYTES))
    os.utime(mine, (0, 0))
    (folder / "empty").mkdir()
    store = DiskStore(folder, MAX_BYTES)
    for number in range(40):
        store.put(f"{digest_of(b'%d' % number)}/0", bytes(100_000))
    assert mine.exists()
    assert (folder / "empty").exists()


def test_folders_that_eviction_empties_go_too(folder: Path) -> None:
    store = DiskStore(folder, MAX_BYTES)
    for number in range(100):
        store.put(f"{digest_of(b'%d' % number)}/0", bytes(100_000))
    assert len([path for path in folder.iterdir() if path.is_dir()]) <= 12


def test_a_folder_that_cannot_be_made_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = DiskStore(tmp_path / "file" / "cache", MAX_BYTES)
    for _ in range(5):
        store.put(KEY, b"some data")
        assert store.get(KEY) is None
        assert list(store.keys(DIGEST)) == []
        store.discard(KEY)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


FULL_DISK = """
import resource, sys
from pathlib import Path
from crfs_dav.cache.disk import DiskStore
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
store = DiskStore(Path(sys.argv[1]), 1 << 20)
store.put(sys.argv[2], bytes(50_000))
assert store.get(sys.argv[2]) is None
store.put(sys.argv[2], b"small")
assert store.get(sys.argv[2]) == b"small"
"""


def test_a_disk_that_takes_only_a_part_keeps_no_part(folder: Path) -> None:
    done = run(FULL_DISK, folder)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in file_of(folder).parent.iterdir()] == ["0-9"]


ENDLESS_WRITER = """
import itertools, sys
from pathlib import Path
from crfs_dav.cache.disk import DiskStore
store = DiskStore(Path(sys.argv[1]), 64 << 20)
digest = sys.argv[2].partition("/")[0]
print("ready", flush=True)
for number in itertools.count():
    store.put(f"{digest}/{number % 10}", b"%d" % (number % 10) * 3_000_000)
"""


def test_a_writer_killed_at_any_moment_leaves_no_wrong_byte(folder: Path) -> None:
    for pause in (0.0, 0.003, 0.01, 0.02, 0.05):
        with subprocess.Popen(command(ENDLESS_WRITER, folder), stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(pause)
            writer.kill()
        store = DiskStore(folder, 64 << 20)
        for number in range(10):
            assert store.get(f"{DIGEST}/{number}") in (None, b"%d" % number * 3_000_000)


SHARING = """
import sys
from pathlib import Path
from crfs_dav.cache.disk import DiskStore
store = DiskStore(Path(sys.argv[1]), 1 << 20)
digest = sys.argv[2].partition("/")[0]
for number in range(300):
    key = number * 7 % 20
    data = store.get(f"{digest}/{key}")
    assert data in (None, b"%02d" % key * 40_000), key
    store.put(f"{digest}/{key}", b"%02d" % key * 40_000)
"""


def test_processes_share_a_folder(folder: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        for done in pool.map(lambda _: run(SHARING, folder), range(3)):
            assert done.returncode == 0, done.stderr
    assert total(folder) <= MAX_BYTES * 18 // 16


def command(script: str, folder: Path) -> list[str]:
    return [sys.executable, "-c", script, str(folder), KEY]


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(script, folder), capture_output=True, text=True, timeout=60, check=False)
