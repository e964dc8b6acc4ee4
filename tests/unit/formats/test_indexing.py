"""The process that makes indexes: what it gives back, and how it ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crfs_dav.errors import Corrupt, OverLimit, Unavailable
from crfs_dav.formats.columnsfile import load_columns
from crfs_dav.formats.gzipindex import GzipIndex
from crfs_dav.formats.indexing import IndexJob, run_elsewhere
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.progress import Report
from crfs_dav.formats.zran import NoCheckpoints
from crfs_dav.names import digest_of
from tests.support.archives import dir_, file, tar_of, targz_of
from tests.support.deflaters import endless_block, member

NOISE = random.Random(4).randbytes(MIB)
TAR = tar_of(file("noise", NOISE), file("z", b"end"))
BLOB = targz_of(TAR)


def job(blob: bytes = BLOB, *, limits: Limits | None = None, path: Path | None = None) -> IndexJob:
    digest = str(digest_of(blob))
    return IndexJob(f"{digest}/targz-1", digest, len(blob), limits or Limits(), str(path) if path else None)


def pieces(blob: bytes = BLOB) -> Iterator[bytes]:
    yield from (blob[start : start + 100_000] for start in range(0, len(blob), 100_000))


def test_the_index_lands_in_its_file_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "index"

    assert run_elsewhere(job(path=path), pieces()) is None
    index = GzipIndex(load_columns(memoryview(path.read_bytes()), job().key))
    assert index.diff_id == digest_of(TAR)
    assert [entry.name for entry in map(index.columns.entry, range(len(index.columns)))] == ["noise", "z"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", [None, Path("/nowhere/at/all")], ids=["none", "no folder"])
def test_where_no_file_can_be_written_the_index_comes_back(path: Path | None) -> None:
    data = run_elsewhere(job(path=path), pieces())

    assert data is not None
    assert GzipIndex(load_columns(memoryview(data), job().key)).diff_id == digest_of(TAR)


def test_names_are_told_while_more_of_the_blob_is_to_come(tmp_path: Path) -> None:
    told: list[Report] = []
    blob = targz_of(tar_of(dir_("d"), file("noise", NOISE), file("z", b"end")))

    def waiting() -> Iterator[bytes]:
        yield blob[: MIB // 2]
        until(lambda: bool(told))
        yield blob[MIB // 2 :]

    assert run_elsewhere(job(blob, path=tmp_path / "index"), waiting(), told.append) is None
    assert (told[0].entries, told[0].names) == (1, ["d/"])


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "index"
    path.write_bytes(b"other")

    assert run_elsewhere(job(path=path), pieces()) is not None


ENDLESS = member(endless_block(2 * MIB), b"")


@pytest.mark.parametrize(
    ("blob", "limits", "error", "message"),
    [
        (BLOB[:-20], Limits(), Corrupt, "no end; expected a whole member"),
        (b"PK" * MIB, Limits(), Corrupt, "gzip member: header"),
        (BLOB, Limits(entries=1), OverLimit, "more than 1 entries"),
        (BLOB, Limits(content=1000), OverLimit, "more than 1000 bytes"),
        (targz_of(tar_of(file("bomb", bytes(64 * MIB)))), Limits(content=MIB), OverLimit, "more than 1048576 bytes"),
        (ENDLESS, Limits(chunk=MIB), NoCheckpoints, "deflate block of more than"),
    ],
    ids=["cut", "no gzip", "entries", "content", "bomb", "endless"],
)
def test_what_is_wrong_is_told(
    blob: bytes, limits: Limits, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        run_elsewhere(job(blob, limits=limits, path=tmp_path / "index"), pieces(blob))
    assert list(tmp_path.iterdir()) == []


def test_another_blob_than_the_digest_says_leaves_nothing(tmp_path: Path) -> None:
    other = targz_of(tar_of(file("other", NOISE)))
    with pytest.raises(Corrupt, match=r"^blob: sha256:.*; expected sha256:"):
        run_elsewhere(
            IndexJob(job().key, job().digest, len(other), Limits(), str(tmp_path / "index")),
            pieces(other),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_fails_ends_the_worker(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield BLOB[:1000]
        raise Unavailable("registry: gone")

    with pytest.raises(Unavailable, match="gone"):
        run_elsewhere(job(path=tmp_path / "index"), failing())
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_ends_early_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="worker ended with 1; expected an index"):
        run_elsewhere(job(path=tmp_path / "index"), iter([BLOB[:1000]]))
    assert list(tmp_path.iterdir()) == []


_PARENT = """
import sys, time
from crfs_dav.formats.indexing import IndexJob, run_elsewhere
from crfs_dav.formats.limits import Limits

def pieces():
    yield b"\\x1f\\x8b\\x08" + bytes(7)
    print("started", flush=True)
    time.sleep(60)

run_elsewhere(IndexJob("key", "sha256:" + 64 * "0", 1 << 20, Limits(), sys.argv[1]), pieces())
"""


def test_a_worker_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "index")], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        (worker,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        parent.send_signal(signal.SIGKILL)
    until(lambda: not _is_running(worker))
    assert list(tmp_path.iterdir()) == []


def _is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
