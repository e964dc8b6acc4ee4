"""Parts of a store: each owner finds what it kept itself, and nothing else."""

from __future__ import annotations

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.partition import Partition
from crfs_dav.names import digest_of

DIGEST = str(digest_of(b"blob"))
KEY = f"{DIGEST}/0-5"


def test_what_one_owner_keeps_no_other_finds() -> None:
    store = MemoryStore(1 << 20)
    Partition(store, "liar.example").put(KEY, b"a lie")

    assert Partition(store, "other.example").get(KEY) is None
    assert list(Partition(store, "other.example").keys(DIGEST)) == []
    assert store.get(KEY) is None
    assert list(store.keys(DIGEST)) == []


def test_the_same_owner_finds_it_again() -> None:
    store = MemoryStore(1 << 20)
    Partition(store, "one.example").put(KEY, b"bytes")

    assert Partition(store, "one.example").get(KEY) == b"bytes"
    assert list(Partition(store, "one.example").keys(DIGEST)) == [KEY]
