"""Every `Archive` keeps the same promises, whatever its format: the same files, told and opened the same way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crfs_dav.archive import Archive, Entry, Kind, stat_of
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.formats.spool import Spools
from crfs_dav.names import digest_of
from tests.support.archives import Member, tar_of
from tests.support.memory_archive import MemoryArchive
from tests.support.outlines import rows
from tests.support.stargz import STARGZ_FOOTER, Crafter, Toc, go_json, open_blob
from tests.support.zstdchunked import frame, open_zstd

BIG = bytes(range(256)) * 100
MTIME = datetime(2017, 7, 14, 2, 40, tzinfo=UTC)
ITEMS: list[tuple[Entry, bytes]] = [
    (Entry("./", Kind.DIR, mode=0o755), b""),
    (Entry("etc/", Kind.DIR, mode=0o1777, uid=1, gid=2, mtime=MTIME), b""),
    (Entry("etc/empty", Kind.REG, mode=0o600), b""),
    (Entry("etc/small", Kind.REG, mode=0o4755, size=5, mtime=MTIME), b"small"),
    (Entry("etc/big", Kind.REG, mode=0o644, size=len(BIG)), BIG),
    (Entry("etc/small", Kind.REG, mode=0o644, size=5), b"again"),
    (Entry("link", Kind.SYMLINK, mode=0o777, link_name="../etc/big"), b""),
    (Entry("hard", Kind.HARDLINK, mode=0o644, link_name="etc/big"), b""),
    (Entry("dev/null", Kind.CHAR, mode=0o666), b""),
    (Entry("dev/sda", Kind.BLOCK, mode=0o660), b""),
    (Entry("dev/pipe", Kind.FIFO, mode=0o600), b""),
    (Entry("n\xe4me \u2603\n<&>", Kind.REG, size=1), b"!"),
]


def crafted(crafter: Crafter) -> Crafter:
    for entry, data in ITEMS:
        toc: Toc = {"mode": entry.mode, "uid": entry.uid, "gid": entry.gid}
        if entry.mtime:
            toc["modtime"] = "2017-07-14T02:40:00Z"
        if entry.kind is Kind.REG:
            crafter.file(entry.name, data, chunk_size=1000, **toc)
        elif entry.link_name:
            crafter.entry(entry.name, entry.kind.value, linkName=entry.link_name, **toc)
        else:
            crafter.entry(entry.name, entry.kind.value, **toc)
    return crafter


def compact() -> Archive:
    crafter = crafted(Crafter())
    return open_blob(crafter.build(document=go_json(crafter.entries).replace(b"\n", b"").replace(b"\t", b"")))


_TYPES = {Kind.DIR: b"5", Kind.REG: b"0", Kind.SYMLINK: b"2", Kind.HARDLINK: b"1", Kind.CHAR: b"3", Kind.BLOCK: b"4"}


def tar_zstd(folder: Path) -> Archive:
    members = [
        Member(entry.name, _TYPES.get(entry.kind, b"6"), data, entry.link_name, entry.mode, entry.uid, entry.gid)
        for entry, data in ITEMS
    ]
    return open_zstd(frame(tar_of(*members)), spools=Spools(MappedFiles(folder, 1 << 20)))


ARCHIVES: dict[str, Callable[[Path], Archive]] = {
    "memory": lambda folder: MemoryArchive(ITEMS),
    "eStargz": lambda folder: open_blob(crafted(Crafter()).build()),
    "eStargz, compact JSON": lambda folder: compact(),
    "tar+zstd": tar_zstd,
    "stargz": lambda folder: open_blob(crafted(Crafter(footer=STARGZ_FOOTER, digests=False)).build()),
}


@pytest.fixture(params=ARCHIVES)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    made: Archive = ARCHIVES[request.param](tmp_path)
    return made


def test_entries_come_in_archive_order_with_names_as_stored(archive: Archive) -> None:
    assert [entry.name for entry in archive.entries] == [entry.name for entry, _ in ITEMS]


def test_the_outline_agrees_with_the_entries(archive: Archive) -> None:
    assert rows(archive.outline()) == [(entry.name, entry.kind) for entry in archive.entries]


def test_what_listings_show_agrees_with_the_entries(archive: Archive) -> None:
    stats = [archive.stat(position) for position in range(len(archive.entries))]

    assert stats == [stat_of(entry) for entry in archive.entries]


@pytest.mark.parametrize("key", ["kind", "size", "mode", "uid", "gid", "link_name"])
def test_entries_say_what_was_stored(archive: Archive, key: str) -> None:
    assert [getattr(entry, key) for entry in archive.entries] == [getattr(entry, key) for entry, _ in ITEMS]


def test_times_are_in_utc_where_they_are_known(archive: Archive) -> None:
    for entry, (expected, _) in zip(archive.entries, ITEMS, strict=True):
        if expected.mtime:
            assert entry.mtime == expected.mtime
            assert entry.mtime.tzinfo is UTC


def test_entries_are_the_same_each_time(archive: Archive) -> None:
    assert list(archive.entries) == list(archive.entries)
    assert archive.entries[-1] == archive.entries[len(ITEMS) - 1]


@pytest.mark.parametrize("position", [at for at, (entry, _) in enumerate(ITEMS) if entry.kind is Kind.REG])
def test_contents_are_found_by_position(archive: Archive, position: int) -> None:
    reader = archive.open(position)

    assert reader.size == archive.entries[position].size
    assert reader.read_at(0, reader.size) == ITEMS[position][1]


def test_a_digest_is_that_of_the_content(archive: Archive) -> None:
    for entry, (_, data) in zip(archive.entries, ITEMS, strict=True):
        assert entry.digest in (None, digest_of(data))


@pytest.mark.parametrize("position", [len(ITEMS), 10**9])
def test_there_is_nothing_behind_the_last_entry(archive: Archive, position: int) -> None:
    with pytest.raises(IndexError):
        archive.open(position)
