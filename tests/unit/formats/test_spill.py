"""Columns that grow on disk: the same file comes of them, also where the disk takes no more."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crfs_dav.formats.columns import ChunkRow, Columns, Row
from crfs_dav.formats.columnsfile import ColumnsFile, dump_columns, load_columns
from crfs_dav.formats.spill import Spill

ROWS = 40_000


def filled(columns: Columns) -> bytes:
    """The file of many entries, some with attributes."""
    for start in range(0, ROWS, 1000):
        numbers = range(start, start + 1000)
        digests = [columns.add_digest(number.to_bytes(32, "big")) for number in numbers]
        rows = [
            Row(text=b"name-%d" % number, kind=1, size=number, digest=digest, first_chunk=number)
            for number, digest in zip(numbers, digests, strict=True)
        ]
        rows[0].xattrs = columns.add_xattrs({"user.a": b"x" * 5000})
        columns.extend(rows)
        columns.extend_chunks(
            [ChunkRow(number, 0, 0, 1, digest) for number, digest in zip(numbers, digests, strict=True)]
        )
    columns.finish(ROWS)
    return b"".join(dump_columns(ColumnsFile(columns), "key"))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Inside the `with`, no file of this process grows over `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def expected() -> bytes:
    return filled(Columns())


def test_columns_on_disk_make_the_same_file_as_those_in_memory(expected: bytes, tmp_path: Path) -> None:
    with Spill(tmp_path) as spill:
        found = filled(Columns(spill.column))

    assert found == expected
    assert load_columns(memoryview(found), "key").columns.entry(ROWS - 1).size == ROWS - 1


@pytest.mark.parametrize("size", [0, 100_000, 1_000_000], ids=["from the start", "within a piece", "later"])
def test_a_disk_that_takes_no_more_costs_memory_and_nothing_else(expected: bytes, tmp_path: Path, size: int) -> None:
    with largest_file(size), Spill(tmp_path) as spill:
        assert filled(Columns(spill.column)) == expected


def test_nothing_is_to_be_seen_of_it_in_its_folder(tmp_path: Path) -> None:
    with Spill(tmp_path) as spill:
        filled(Columns(spill.column))
        assert list(tmp_path.iterdir()) == []

    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_there_is_none() -> None:
    with pytest.raises(OSError, match="No such file"):
        Spill(Path("/nowhere/at/all"))
