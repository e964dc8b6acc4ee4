"""What every `ByteStore` promises, over every implementation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.cache.disk import DiskStore
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.partition import Partition
from crfs_dav.cache.tiered import TieredStore
from crfs_dav.names import digest_of
from crfs_dav.readers import ByteStore

DIGEST = str(digest_of(b"blob"))
OTHER = str(digest_of(b"other"))
MAX_BYTES = 1 << 20

STORES: dict[str, Callable[[Path], ByteStore]] = {
    "memory": lambda folder: MemoryStore(MAX_BYTES),
    "disk": lambda folder: DiskStore(folder / "cache", MAX_BYTES),
    "partition": lambda folder: Partition(DiskStore(folder / "cache", MAX_BYTES), "registry.example:5000"),
    "tiered": lambda folder: TieredStore([MemoryStore(MAX_BYTES // 8), DiskStore(folder / "cache", MAX_BYTES)]),
}


@pytest.fixture(params=STORES.values(), ids=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ByteStore:
    made: ByteStore = request.param(tmp_path)
    return made


def key(rest: object, digest: str = DIGEST) -> str:
    return f"{digest}/{rest}"


def test_what_was_put_comes_back(store: ByteStore) -> None:
    store.put(key("0-5"), b"hello")
    store.put(key("5-5"), b"")
    assert (store.get(key("0-5")), store.get(key("5-5"))) == (b"hello", b"")


def test_what_was_never_put_is_none(store: ByteStore) -> None:
    assert store.get(key("0-5")) is None


def test_putting_again_replaces(store: ByteStore) -> None:
    store.put(key("index-v1"), b"old")
    store.put(key("index-v1"), b"newer")
    assert store.get(key("index-v1")) == b"newer"


def test_what_was_discarded_is_gone(store: ByteStore) -> None:
    store.put(key("0-5"), b"hello")
    store.discard(key("0-5"))
    store.discard(key("0-6"))
    assert (store.get(key("0-5")), list(store.keys(DIGEST))) == (None, [])


def test_keys_are_those_of_one_digest(store: ByteStore) -> None:
    for rest in ("0-5", "5-9", "index-v1"):
        store.put(key(rest), b"x")
    store.put(key("0-5", OTHER), b"y")
    assert sorted(store.keys(DIGEST)) == [key("0-5"), key("5-9"), key("index-v1")]
    assert list(store.keys(str(digest_of(b"unknown")))) == []


def test_the_bound_holds_and_the_newest_stay(store: ByteStore) -> None:
    for number in range(200):
        store.put(key(number), b"%03d" % number * 6000)
    kept = {number for number in range(200) if store.get(key(number)) is not None}
    assert sum(18_000 for _ in kept) <= MAX_BYTES
    assert {195, 196, 197, 198, 199} <= kept
    assert len(kept) > 30


def test_many_tiny_values_keep_to_the_bound(store: ByteStore) -> None:
    for number in range(3000):
        store.put(key(number), b"")
    assert len(list(store.keys(DIGEST))) <= MAX_BYTES // 512


def test_a_value_out_of_proportion_is_not_kept(store: ByteStore) -> None:
    store.put(key("small"), b"x")
    store.put(key("big"), bytes(MAX_BYTES))
    assert (store.get(key("small")), store.get(key("big"))) == (b"x", None)


def test_threads_get_whole_values_or_none(store: ByteStore) -> None:
    def work(seed: int) -> bool:
        right = True
        for step in range(150):
            number = (seed * 31 + step * 7) % 60
            store.put(key(number), b"%02d" % number * 5000)
            data = store.get(key((number * 13) % 60))
            right &= data is None or data == b"%02d" % ((number * 13) % 60) * 5000
            if step % 10 == 0:
                store.discard(key(number))
                list(store.keys(DIGEST))
        return right

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
