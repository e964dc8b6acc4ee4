from __future__ import annotations

from crfs_dav.cache.memory import MemoryStore


def test_the_least_recently_used_goes_first() -> None:
    store = MemoryStore(6000)
    for name in "abcd":
        store.put(f"d/{name}", bytes(900))
    store.get("d/a")
    store.put("d/e", bytes(900))
    assert sorted(store.keys("d")) == ["d/a", "d/c", "d/d", "d/e"]


def test_overhead_counts_towards_the_bound() -> None:
    store = MemoryStore(512 * 10)
    for number in range(100):
        store.put(f"d/{number}", b"")
    assert len(list(store.keys("d"))) == 10


def test_replacing_frees_what_was_there() -> None:
    store = MemoryStore(8000)
    for _ in range(100):
        store.put("d/a", bytes(1000))
    for name in "bcde":
        store.put(f"d/{name}", bytes(1000))
    assert store.get("d/a") == bytes(1000)


def test_a_value_too_large_takes_its_old_one_away() -> None:
    store = MemoryStore(8000)
    store.put("d/a", b"old")
    store.put("d/a", bytes(4000))
    assert store.get("d/a") is None


def test_a_memory_of_no_bytes_keeps_nothing() -> None:
    store = MemoryStore(0)
    store.put("d/a", b"")
    assert store.get("d/a") is None
