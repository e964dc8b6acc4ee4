"""Blobs of sources that ignore ranges: copied once, checked, read from the copy; bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.cache.copies import Copies
from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import Corrupt, Underway
from crfs_dav.formats.passes import Passes
from crfs_dav.names import Digest, digest_of
from crfs_dav.patience import patience
from crfs_dav.readers import BytesReader
from tests.support.images import NOISE, add_layers, base_layer
from tests.support.site import asked, site

ALL = bytes(range(256)) * 100
DIGEST = digest_of(ALL)


class Source(BytesReader):
    """A blob whose source ignores ranges; `passes` counts how often all of it was asked for."""

    def __init__(self, data: bytes = ALL) -> None:
        super().__init__(data)
        self.ignores_ranges = False
        self.passes = 0
        self.gate = threading.Event()  # shut, nothing comes of all of it
        self.gate.set()

    def read_at(self, offset: int, size: int) -> bytes:
        self.passes += 1
        self.ignores_ranges = True
        return super().read_at(offset, size)

    def stream(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        self.passes += 1
        self.gate.wait(60)
        yield from (self._data[:1000], self._data[1000:])


def copies(folder: Path, max_bytes: int = 1 << 20) -> Copies:
    return Copies(folder / "copies", max_bytes, Passes().run)


def test_the_second_read_copies_all_and_the_others_ask_nobody(tmp_path: Path) -> None:
    source = Source()
    reader = copies(tmp_path).reader(source, DIGEST)

    assert [reader.read_at(offset, 10) for offset in (5, 500, 25_595)] == [ALL[5:15], ALL[500:510], ALL[25_595:]]
    assert source.passes == 2
    assert reader.size == len(ALL)


def test_a_source_that_heeds_ranges_is_not_copied(tmp_path: Path) -> None:
    reader = copies(tmp_path).reader(BytesReader(ALL), DIGEST)

    assert (reader.read_at(5, 10), reader.read_at(0, 3)) == (ALL[5:15], ALL[:3])
    assert not (tmp_path / "copies").exists()


def test_ten_readers_make_one_copy(tmp_path: Path) -> None:
    source, kept = Source(), copies(tmp_path)
    source.ignores_ranges = True
    with ThreadPoolExecutor(10) as threads:
        parts = list(threads.map(lambda number: kept.reader(source, DIGEST).read_at(number, 7), range(10)))

    assert parts == [ALL[number : number + 7] for number in range(10)]
    assert source.passes == 1


def test_a_copy_with_another_digest_is_corrupt(tmp_path: Path) -> None:
    source = Source()
    source.ignores_ranges = True
    with pytest.raises(Corrupt, match="expected sha256"):
        copies(tmp_path).reader(source, digest_of(b"other")).read_at(0, 1)


def test_a_copy_of_what_one_source_sends_speaks_for_no_other(tmp_path: Path) -> None:
    lie, kept = Source(ALL[::-1]), copies(tmp_path)
    lie.ignores_ranges = True
    lie.gate.clear()
    with patience(0.01), pytest.raises(Underway):
        kept.reader(lie, DIGEST, "liar").read_at(0, 1)
    lie.gate.set()
    source = Source()
    source.ignores_ranges = True

    assert kept.reader(source, DIGEST, "honest").read_at(0, 7) == ALL[:7]


def test_a_blob_larger_than_all_copies_is_read_as_it_comes(tmp_path: Path) -> None:
    source = Source()
    assert copies(tmp_path, 1000).reader(source, DIGEST) is source


def test_where_nothing_can_be_written_it_is_read_as_it_comes(tmp_path: Path) -> None:
    (tmp_path / "copies").write_bytes(b"in the way")
    source = Source()
    reader = copies(tmp_path).reader(source, DIGEST)

    assert [reader.read_at(offset, 10) for offset in (5, 500)] == [ALL[5:15], ALL[500:510]]


def test_copies_unread_for_longest_make_room(tmp_path: Path) -> None:
    kept = copies(tmp_path, 60_000)
    contents = [ALL[:-1] + bytes([number]) for number in range(3)]
    digests: list[Digest] = []
    for content in contents:
        source = Source(content)
        source.ignores_ranges = True
        digests.append(digest_of(content))
        kept.reader(source, digests[-1]).read_at(0, 1)
        kept.find(digests[0])

    assert [kept.find(digest) is not None for digest in digests] == [True, False, True]


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    source = Source()
    source.ignores_ranges = True
    copies(tmp_path).reader(source, DIGEST).read_at(0, 1)

    assert list((tmp_path / "copies").iterdir()) == []


def test_a_registry_that_ignores_ranges_is_asked_for_a_layer_twice_at_most(
    tmp_path: Path,
) -> None:
    with DemoRegistry() as registry, site(registry, tmp_path) as crfs:
        add_layers(registry, "my/ubuntu", "18.04", base_layer())
        registry.faults.ignored_range = ALWAYS
        root = f"/images/{registry.host}/my/ubuntu/18.04"

        assert crfs.get(f"{root}/etc/passwd").body == b"root:x:0:0::/root:/bin/sh\n"
        assert crfs.get(f"{root}/etc/os-release").body == b"NAME=base\n"
        assert crfs.get(f"{root}/usr/noise").body == NOISE
        assert len([request for request in asked(registry) if "/blobs/" in request]) == 2
