"""An `Archive` made of a list: what the tests of trees read, with no format in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from crfs_dav.archive import Entry, Kind, Outline, Stat, outlined, stat_of
from crfs_dav.readers import BytesReader, ReaderAt


class MemoryArchive:
    """Entries and the contents of those that are files."""

    def __init__(self, items: Iterable[tuple[Entry, bytes]]) -> None:
        items = tuple(items)
        self._entries = [entry for entry, _ in items]
        self._contents = [data for _, data in items]

    @property
    def entries(self) -> Sequence[Entry]:
        return self._entries

    def outline(self) -> Iterator[Outline]:
        return outlined((entry.name, entry.kind) for entry in self._entries)

    def stat(self, position: int) -> Stat:
        return stat_of(self._entries[position])

    def open(self, position: int) -> ReaderAt:
        return BytesReader(self._contents[position])


Item = tuple[Entry, bytes]


def dir_(name: str, mode: int = 0o755) -> Item:
    return Entry(name, Kind.DIR, mode=mode), b""


def file(name: str, data: bytes = b"") -> Item:
    return Entry(name, Kind.REG, size=len(data), mode=0o644), data


def symlink(name: str, target: str) -> Item:
    return Entry(name, Kind.SYMLINK, mode=0o777, link_name=target), b""


def hardlink(name: str, target: str) -> Item:
    return Entry(name, Kind.HARDLINK, link_name=target), b""


def special(name: str, kind: Kind) -> Item:
    return Entry(name, kind, mode=0o600), b""


def archive_of(*items: Item) -> MemoryArchive:
    return MemoryArchive(items)


def renamed(item: Item, name: str) -> Item:
    return replace(item[0], name=name), item[1]
