from __future__ import annotations

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.tiered import TieredStore


def test_a_hit_below_is_copied_up() -> None:
    fast, slow = MemoryStore(10_000), MemoryStore(10_000)
    slow.put("d/a", b"1")
    assert TieredStore([fast, slow]).get("d/a") == b"1"
    assert fast.get("d/a") == b"1"


def test_the_first_hit_wins() -> None:
    fast, slow = MemoryStore(10_000), MemoryStore(10_000)
    fast.put("d/a", b"fast")
    slow.put("d/a", b"slow")
    assert TieredStore([fast, slow]).get("d/a") == b"fast"


def test_what_is_put_or_discarded_is_so_in_every_store() -> None:
    fast, slow = MemoryStore(10_000), MemoryStore(10_000)
    store = TieredStore([fast, slow])
    store.put("d/a", b"1")
    assert (fast.get("d/a"), slow.get("d/a")) == (b"1", b"1")
    store.discard("d/a")
    assert (fast.get("d/a"), slow.get("d/a")) == (None, None)


def test_keys_are_those_of_all_stores_once() -> None:
    fast, slow = MemoryStore(10_000), MemoryStore(10_000)
    fast.put("d/a", b"1")
    slow.put("d/a", b"1")
    slow.put("d/b", b"2")
    assert sorted(TieredStore([fast, slow]).keys("d")) == ["d/a", "d/b"]


def test_a_chain_of_none_forgets() -> None:
    store = TieredStore([])
    store.put("d/a", b"1")
    assert (store.get("d/a"), list(store.keys("d"))) == (None, [])
