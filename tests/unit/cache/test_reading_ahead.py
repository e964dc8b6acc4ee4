"""What a blob's reader fetches before anybody asks: when, how much, in how many requests, and when it stops."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from crfs_dav.cache.coverage import BLOCK_SIZE, FLIGHT_SIZE, REQUEST_SIZE
from crfs_dav.cache.foresight import FIRST_CREDIT
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.reader import CachedReader
from crfs_dav.errors import Unavailable
from crfs_dav.names import digest_of
from crfs_dav.readers import BytesReader
from crfs_dav.sparethreads import SpareThreads

MIB = 1 << 20
DATA = random.Random(6).randbytes(1 << 16) * 1024  # 64 MiB
STEP = 40_000


class Blob(BytesReader):
    """A blob that counts what is asked of it, and may be down, or slow from somewhere on."""

    def __init__(self) -> None:
        super().__init__(DATA)
        self.requests: list[tuple[int, int]] = []
        self.down_from = len(DATA)
        self.waits_at = len(DATA)
        self.failures = 0  # of the requests that had to wait
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def read_at(self, offset: int, size: int) -> bytes:
        return b"".join(self.stream(offset, size))

    def stream(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        end = len(DATA) if size is None else offset + size
        with self._lock:
            self.requests.append((offset, end))
        for start in range(offset, end, 64 << 10):
            if start >= self.down_from:
                raise Unavailable("blob: down; expected an answer")
            if start >= self.waits_at:
                assert self.go_on.wait(10)
                if self.failures:
                    self.failures -= 1
                    raise Unavailable("blob: broken off; expected the rest")
            yield DATA[start : min(end, start + (64 << 10))]

    @property
    def bytes(self) -> int:
        return sum(end - start for start, end in self.requests)


@pytest.fixture
def ahead() -> Iterator[SpareThreads]:
    threads = SpareThreads(8, "ahead")
    yield threads
    threads.close()


@pytest.fixture
def blob() -> Blob:
    return Blob()


@pytest.fixture
def reader(blob: Blob, ahead: SpareThreads) -> CachedReader:
    return CachedReader(blob, digest_of(b"the blob"), MemoryStore(256 * MIB), ahead=ahead)


def read(reader: CachedReader, start: int, end: int) -> None:
    assert reader.read_at(start, end - start) == DATA[start : min(end, len(DATA))]


def shuffled_nearby(seed: int) -> list[int]:
    """Starts of steps over the whole blob, in order but for some 2 MiB, as files of a folder lie in a layer."""
    starts = list(range(0, len(DATA), STEP))
    chance = random.Random(seed)
    return sorted(starts, key=lambda start: start + chance.randrange(2 * MIB))


ORDERS = {
    "in order": list(range(0, len(DATA), STEP)),
    "nearly in order": shuffled_nearby(1),
    "four at a time": [start + part * 16 * MIB for start in range(0, 16 * MIB, STEP) for part in range(4)],
}


@pytest.mark.parametrize("starts", ORDERS.values(), ids=ORDERS)
def test_a_blob_that_is_read_whole_in_small_pieces_costs_less_than_a_request_a_mebibyte(
    blob: Blob, reader: CachedReader, ahead: SpareThreads, starts: list[int]
) -> None:
    for start in starts:
        read(reader, start, start + STEP)
    ahead.wait()

    assert len(blob.requests) <= len(DATA) // MIB
    assert blob.bytes <= len(DATA) * 1.01


def test_tiny_files_one_after_another_do_not_cost_a_request_each(blob: Blob, reader: CachedReader) -> None:
    for start in range(0, 1000 * 150, 150):
        read(reader, start, start + 150)

    assert len(blob.requests) <= 6


def test_no_request_is_larger_than_a_block_and_what_was_asked(blob: Blob, reader: CachedReader) -> None:
    for start in range(0, len(DATA), STEP):
        read(reader, start, start + STEP)

    assert max(end - start for start, end in blob.requests) <= BLOCK_SIZE + STEP


@pytest.mark.parametrize("seed", range(5))
def test_scattered_reads_fetch_at_most_twice_what_they_need(blob: Blob, reader: CachedReader, seed: int) -> None:
    starts = random.Random(seed).sample(range(0, len(DATA) - STEP, 16 * STEP), 100)
    for start in starts:
        read(reader, start, start + STEP)

    assert blob.bytes <= 2 * 100 * STEP + FIRST_CREDIT


def test_a_reader_that_stops_is_not_read_ahead_for_any_more(
    blob: Blob, reader: CachedReader, ahead: SpareThreads
) -> None:
    for start in range(0, 8 * MIB, STEP):
        read(reader, start, start + STEP)
    ahead.wait()

    assert max(end for _, end in blob.requests) <= 8 * MIB + STEP + 2 * BLOCK_SIZE


def test_what_was_read_once_at_the_end_of_the_blob_earns_no_guess(blob: Blob, reader: CachedReader) -> None:
    read(reader, len(DATA) - MIB, len(DATA))
    read(reader, 0, STEP)

    assert blob.bytes <= MIB + 2 * STEP + FIRST_CREDIT


def test_without_threads_exactly_what_is_asked_is_fetched(blob: Blob) -> None:
    reader = CachedReader(blob, digest_of(b"the blob"), MemoryStore(256 * MIB))
    for start in range(0, 10 * STEP, STEP):
        read(reader, start, start + STEP)

    assert blob.requests == [(start, start + STEP) for start in range(0, 10 * STEP, STEP)]


def test_what_is_announced_is_fetched_in_few_requests_and_waited_for(
    blob: Blob, reader: CachedReader, ahead: SpareThreads
) -> None:
    reader.prefetch(MIB, 10 * MIB)
    for start in range(MIB, 11 * MIB, STEP):
        read(reader, start, min(start + STEP, 11 * MIB))
    ahead.wait()

    assert max(end - start for start, end in blob.requests) <= REQUEST_SIZE
    assert (len(blob.requests), blob.bytes) == (3, 10 * MIB)


def test_what_is_at_hand_is_not_announced_to_anyone(blob: Blob, reader: CachedReader, ahead: SpareThreads) -> None:
    read(reader, 0, 2 * MIB)
    blob.requests.clear()
    reader.prefetch(MIB // 2, MIB)
    ahead.wait()

    assert blob.requests == []


def test_a_piece_of_a_request_is_there_before_the_rest(blob: Blob, reader: CachedReader) -> None:
    blob.waits_at = 2 * FLIGHT_SIZE
    reader.prefetch(0, 4 * FLIGHT_SIZE)
    read(reader, 1000, 2000)
    read(reader, FLIGHT_SIZE - 10, FLIGHT_SIZE + 10)
    blob.go_on.set()
    read(reader, 0, 4 * FLIGHT_SIZE)

    assert blob.requests == [(0, 4 * FLIGHT_SIZE)]


def test_an_announced_request_that_fails_is_made_once_more_by_who_waits_for_it(
    blob: Blob, reader: CachedReader
) -> None:
    blob.waits_at, blob.failures = 0, 1
    reader.prefetch(0, MIB)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(read, reader, 0, STEP)
        blob.go_on.set()
        waiting.result(10)

    assert len(blob.requests) == 2


def test_an_error_of_what_was_asked_for_is_passed_on(blob: Blob, reader: CachedReader) -> None:
    blob.down_from = MIB
    with pytest.raises(Unavailable, match="down"):
        reader.read_at(0, 4 * MIB)


def test_threads_that_are_all_busy_leave_reading_to_who_needs_it(blob: Blob) -> None:
    threads, go_on = SpareThreads(1, "ahead"), threading.Event()
    assert threads.start(lambda: go_on.wait(10))
    reader = CachedReader(blob, digest_of(b"the blob"), MemoryStore(256 * MIB), ahead=threads)
    reader.prefetch(0, 8 * MIB)
    read(reader, 0, 8 * MIB)
    go_on.set()
    threads.close()

    assert blob.requests == [(0, 8 * MIB)]


def test_many_threads_read_a_blob_once(blob: Blob, reader: CachedReader, ahead: SpareThreads) -> None:
    def work(seed: int) -> None:
        for start in random.Random(seed).sample(range(0, 16 * MIB, STEP), 200):
            read(reader, start, start + STEP)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ahead.wait()

    assert blob.bytes <= 26 * MIB


def test_what_the_store_lost_is_fetched_and_kept_again(blob: Blob) -> None:
    store = MemoryStore(256 * MIB)
    reader = CachedReader(blob, digest_of(b"the blob"), store)
    read(reader, 0, STEP)
    for key in store.keys(str(digest_of(b"the blob"))):
        store.discard(key)
    for _ in range(3):
        read(reader, 0, STEP)

    assert blob.requests == [(0, STEP)] * 2


def test_a_store_that_is_too_small_loses_no_byte(blob: Blob, ahead: SpareThreads) -> None:
    reader = CachedReader(blob, digest_of(b"the blob"), MemoryStore(4 * MIB), ahead=ahead)
    for start in [*range(0, 16 * MIB, STEP), *range(0, 16 * MIB, STEP)]:
        read(reader, start, start + STEP)
