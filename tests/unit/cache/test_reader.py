from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crfs_dav.cache.coverage import HOLE_LIMIT, KEEP_LIMIT
from crfs_dav.cache.disk import DiskStore
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.ranges import find_gaps
from crfs_dav.cache.reader import CachedReader
from crfs_dav.errors import Corrupt, Unavailable
from crfs_dav.names import digest_of
from crfs_dav.readers import BytesReader, ByteStore

DATA = bytes(value * 31 % 251 for value in range(1 << 20))
DIGEST = digest_of(DATA)
STEP = 100_000  # more than the hole that is read again


class CountingReader(BytesReader):
    """A blob that counts what is asked of it."""

    def __init__(self, data: bytes = DATA, before: Callable[[], object] = lambda: None) -> None:
        super().__init__(data)
        self.reads: list[tuple[int, int]] = []
        self.forgotten: list[tuple[int, int]] = []
        self._before = before

    def read_at(self, offset: int, size: int) -> bytes:
        self.reads.append((offset, offset + size))
        self._before()
        return super().read_at(offset, size)

    def forget(self, offset: int, size: int) -> None:
        self.forgotten.append((offset, size))


def cached(blob: CountingReader, store: ByteStore | None = None) -> CachedReader:
    return CachedReader(blob, DIGEST, store or MemoryStore(8 << 20))


def read(reader: CachedReader, start: int, end: int) -> None:
    assert reader.read_at(start, end - start) == DATA[start:end]


def test_exactly_the_bytes_asked_are_fetched_once() -> None:
    blob = CountingReader()
    reader = cached(blob)
    for _ in range(3):
        read(reader, 1000, 2000)
    assert blob.reads == [(1000, 2000)]


@pytest.mark.parametrize(
    ("offset", "size", "end"), [(len(DATA) - 10, 100, len(DATA)), (len(DATA), 1, len(DATA)), (1 << 40, 1, 0), (5, 0, 5)]
)
def test_reads_end_with_the_blob(offset: int, size: int, end: int) -> None:
    assert cached(CountingReader()).read_at(offset, size) == DATA[offset:end]


def test_nothing_is_fetched_for_no_bytes() -> None:
    blob = CountingReader()
    cached(blob).read_at(len(DATA), 10)
    assert blob.reads == []


COVERED: dict[str, tuple[list[tuple[int, int]], tuple[int, int], list[tuple[int, int]]]] = {
    "inside": ([(0, 9)], (2, 7), []),
    "two that touch": ([(0, 4), (4, 9)], (1, 8), []),
    "two that overlap": ([(0, 5), (3, 9)], (1, 8), []),
    "the start": ([(0, 4)], (2, 8), [(4, 8)]),
    "the end": ([(4, 9)], (2, 8), [(2, 4)]),
    "the middle": ([(4, 6)], (2, 8), [(2, 4), (6, 8)]),
    "both ends": ([(0, 3), (6, 9)], (1, 8), [(3, 6)]),
    "nothing": ([(0, 2), (8, 9)], (3, 7), [(3, 7)]),
}


@pytest.mark.parametrize(("kept", "wanted", "fetched"), COVERED.values(), ids=COVERED)
def test_only_gaps_are_fetched(
    kept: list[tuple[int, int]], wanted: tuple[int, int], fetched: list[tuple[int, int]]
) -> None:
    blob = CountingReader()
    reader = cached(blob)
    for start, end in kept:
        read(reader, start * STEP, end * STEP)
    blob.reads.clear()
    read(reader, wanted[0] * STEP, wanted[1] * STEP)
    assert blob.reads == [(start * STEP, end * STEP) for start, end in fetched]


@pytest.mark.parametrize(("hole", "count"), [(HOLE_LIMIT, 1), (HOLE_LIMIT + 1, 2)])
def test_gaps_with_a_small_hole_between_them_are_one_request(hole: int, count: int) -> None:
    blob = CountingReader()
    reader = cached(blob)
    read(reader, STEP, STEP + hole)
    read(reader, 0, 3 * STEP)
    assert len(blob.reads) == 1 + count


def test_gaps_of_a_chain_of_small_holes_are_one() -> None:
    assert find_gaps([(10, 20), (30, 40), (50, 60)], (0, 100), hole_limit=HOLE_LIMIT) == [(0, 100)]
    assert find_gaps([(0, 100)], (0, 100), hole_limit=HOLE_LIMIT) == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 800)), max_size=20))
def test_any_reads_in_any_order_are_right(reads: list[tuple[int, int]]) -> None:
    reader = CachedReader(CountingReader(DATA[:3000]), DIGEST, MemoryStore(20_000))
    for offset, size in reads:
        assert reader.read_at(offset, size) == DATA[:3000][offset : offset + size]


def test_ranges_of_another_process_are_used(tmp_path: Path) -> None:
    first, second = (cached(CountingReader(), DiskStore(tmp_path, 8 << 20)) for _ in range(2))
    blob, seconds = CountingReader(), [0.0]
    late = CachedReader(blob, DIGEST, DiskStore(tmp_path, 8 << 20), clock=lambda: seconds[0])
    read(late, 900_000, 900_010)
    read(first, 0, STEP)
    read(second, STEP, 2 * STEP)
    seconds[0] = 2.0
    read(late, 10, 2 * STEP - 10)
    assert blob.reads == [(900_000, 900_010)]


def test_the_folder_is_not_listed_at_each_miss() -> None:
    listings: list[str] = []

    class Listed(MemoryStore):
        def keys(self, digest: str) -> Iterable[str]:
            listings.append(digest)
            return super().keys(digest)

    reader = CachedReader(CountingReader(), DIGEST, Listed(8 << 20), clock=lambda: 0.0)
    for start in range(0, 40 * STEP, 2 * STEP):
        read(reader, start, start + STEP)
    read(reader, 5, STEP - 5)

    assert len(listings) == 1


def test_ten_threads_cause_one_request() -> None:
    everyone = threading.Barrier(10)
    arrived = threading.Event()
    blob = CountingReader(before=lambda: arrived.wait(5))
    reader = cached(blob)

    def work(_: int) -> bytes:
        if everyone.wait() == 0:
            threading.Timer(0.05, arrived.set).start()
        return reader.read_at(0, STEP)

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(work, range(10))) == {DATA[:STEP]}
    assert blob.reads == [(0, STEP)]


def test_a_fetch_holds_up_no_other_read() -> None:
    fetching, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        if not fetching.is_set():
            fetching.set()
            assert go_on.wait(5)

    reader = cached(CountingReader(before=slow))
    with ThreadPoolExecutor(1) as pool:
        slow_read = pool.submit(reader.read_at, 0, 10)
        fetching.wait(5)
        read(reader, 500_000, 500_010)
        go_on.set()
        assert slow_read.result() == DATA[:10]


def test_an_error_is_passed_on_and_not_kept() -> None:
    errors = [Unavailable("registry: silent; expected an answer")]

    def fail_once() -> None:
        if errors:
            raise errors.pop()

    reader = cached(CountingReader(before=fail_once))
    with pytest.raises(Unavailable):
        reader.read_at(0, 10)
    read(reader, 0, 10)


def test_forgetting_drops_every_range_that_overlaps_and_no_other() -> None:
    blob = CountingReader()
    store = MemoryStore(8 << 20)
    reader = cached(blob, store)
    for start in range(5):
        read(reader, start * STEP, (start + 1) * STEP)
    reader.forget(2 * STEP - 1, STEP + 1)
    assert sorted(store.keys(str(DIGEST))) == [f"{DIGEST}/{n * STEP}-{(n + 1) * STEP}" for n in (0, 3, 4)]
    blob.reads.clear()
    read(reader, 0, 5 * STEP)
    assert blob.reads == [(STEP, 3 * STEP)]


def test_forgetting_is_passed_on_below() -> None:
    blob = CountingReader()
    cached(blob).forget(3, 4)
    assert blob.forgotten == [(3, 4)]


def test_a_kept_value_of_the_wrong_size_is_fetched_again() -> None:
    store = MemoryStore(8 << 20)
    store.put(f"{DIGEST}/0-10", b"short")
    blob = CountingReader()
    read(cached(blob, store), 0, 10)
    assert blob.reads == [(0, 10)]


@pytest.mark.parametrize("rest", ["0-0", "9-3", "0-99999999999", "a-b", "index-v1", "0-5-9", "-5", f"0-{'9' * 19}"])
def test_keys_that_are_no_range_of_the_blob_are_passed_over(rest: str) -> None:
    store = MemoryStore(8 << 20)
    store.put(f"{DIGEST}/{rest}", b"rubbish")
    read(cached(CountingReader(), store), 0, 100)


def test_what_vanishes_between_listing_and_reading_is_fetched() -> None:
    class Forgetting(MemoryStore):
        def get(self, key: str) -> bytes | None:
            return None

    blob = CountingReader()
    reader = cached(blob, Forgetting(8 << 20))
    read(reader, 0, 100)
    read(reader, 10, 50)
    assert blob.reads == [(0, 100), (10, 50)]


def test_a_blob_that_answers_short_is_corrupt() -> None:
    class Short(CountingReader):
        def read_at(self, offset: int, size: int) -> bytes:
            return super().read_at(offset, size)[:-1]

    with pytest.raises(Corrupt, match="9 bytes at 0; expected 10"):
        cached(Short()).read_at(0, 10)


def test_a_very_large_read_is_handed_on_and_not_kept() -> None:
    blob = CountingReader(bytes(KEEP_LIMIT + 1))
    store = MemoryStore(8 * KEEP_LIMIT)
    assert len(cached(blob, store).read_at(0, KEEP_LIMIT + 1)) == KEEP_LIMIT + 1
    assert list(store.keys(str(DIGEST))) == []
