"""What a blob's reader fetches before anybody asks: when, how much, in how many requests, and when it stops."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.reader import PIECE, CachedReader
from crfs_dav.errors import Unavailable
from crfs_dav.names import digest_of
from crfs_dav.readers import BytesReader
from crfs_dav.sparethreads import SpareThreads

MIB = 1 << 20
DATA = random.Random(6).randbytes(1 << 16) * 1024  # 64 MiB
STEP = 40_000


class Blob(BytesReader):
    """A blob that counts what is asked of it, and may be down."""

    def __init__(self) -> None:
        super().__init__(DATA)
        self.reads: list[tuple[int, int]] = []
        self.down_from = len(DATA)
        self._lock = threading.Lock()

    def read_at(self, offset: int, size: int) -> bytes:
        with self._lock:
            self.reads.append((offset, offset + size))
        if offset + size > self.down_from:
            raise Unavailable("blob: down; expected an answer")
        return super().read_at(offset, size)

    @property
    def bytes(self) -> int:
        return sum(end - start for start, end in self.reads)


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


def test_a_blob_read_to_its_end_piece_by_piece_costs_less_than_a_request_a_mebibyte(
    blob: Blob, reader: CachedReader
) -> None:
    for start in range(0, len(DATA), STEP):
        read(reader, start, start + STEP)

    assert len(blob.reads) <= len(DATA) // MIB
    assert blob.bytes == len(DATA)


def test_no_request_that_reads_ahead_is_larger_than_a_piece(blob: Blob, reader: CachedReader) -> None:
    for start in range(0, len(DATA), STEP):
        read(reader, start, start + STEP)

    assert max(end - start for start, end in blob.reads) <= PIECE


def test_scattered_reads_fetch_at_most_twice_what_they_need(blob: Blob, reader: CachedReader) -> None:
    starts = random.Random(9).sample(range(0, len(DATA) - STEP, 2 * STEP), 100)
    for start in starts:
        read(reader, start, start + STEP)

    assert blob.bytes <= 2 * 100 * STEP


def test_a_reader_that_stops_is_not_read_ahead_for_any_more(blob: Blob, ahead: SpareThreads) -> None:
    reader = CachedReader(blob, digest_of(b"the blob"), MemoryStore(256 * MIB), ahead=ahead)
    for start in range(0, 8 * MIB, STEP):
        read(reader, start, start + STEP)
    ahead.wait()

    assert blob.bytes <= 2 * (8 * MIB + STEP)
    assert max(end for _, end in blob.reads) <= 8 * MIB + STEP + 12 * MIB


def test_what_was_read_once_at_the_end_of_the_blob_earns_no_guess(blob: Blob, reader: CachedReader) -> None:
    read(reader, len(DATA) - MIB, len(DATA))
    read(reader, 0, STEP)

    assert blob.bytes <= MIB + 2 * STEP


def test_without_threads_exactly_what_is_asked_is_fetched(blob: Blob) -> None:
    reader = CachedReader(blob, digest_of(b"the blob"), MemoryStore(256 * MIB))
    for start in range(0, 10 * STEP, STEP):
        read(reader, start, start + STEP)

    assert blob.reads == [(start, start + STEP) for start in range(0, 10 * STEP, STEP)]


def test_a_guess_that_fails_harms_nobody_who_does_not_need_it(
    blob: Blob, reader: CachedReader, ahead: SpareThreads
) -> None:
    blob.down_from = 8 * MIB
    for start in range(0, 6 * MIB, MIB):
        try:
            read(reader, start, start + MIB)
        except Unavailable:  # its own request was longer than what it asked for
            ahead.wait()
            blob.down_from = len(DATA)
            read(reader, start, start + MIB)
            blob.down_from = 8 * MIB
    ahead.wait()
    blob.down_from = len(DATA)
    read(reader, 0, 20 * MIB)


def test_a_small_hole_is_filled_by_the_first_read_in_it(blob: Blob, reader: CachedReader) -> None:
    for start in range(0, 8 * MIB, STEP):
        read(reader, start, start + STEP)
    read(reader, 40 * MIB, 41 * MIB)
    blob.reads.clear()
    read(reader, 40 * MIB - 100_000, 40 * MIB - 60_000)

    assert blob.reads == [(40 * MIB - 100_000, 40 * MIB)]


def test_many_threads_read_a_blob_once(blob: Blob, reader: CachedReader) -> None:
    def work(seed: int) -> None:
        for start in random.Random(seed).sample(range(0, 16 * MIB, STEP), 200):
            read(reader, start, start + STEP)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert blob.bytes <= 30 * MIB
