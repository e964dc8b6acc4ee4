"""A tar in another order: what is wanted first stands first, with all that it needs.

For a tar in a file. Some 200 bytes of memory an entry.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from crfs_dav.archive import Kind
from crfs_dav.formats.tarstream import TarStream
from crfs_dav.formats.tocwriter import clean_name

_PIECE = 1 << 20  # bytes


@dataclass(slots=True)
class _Places:
    """Where each entry begins, and which of them have a name; names cleaned."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    by_name: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    targets: dict[str, str] = field(default_factory=dict)  # of hard links


@dataclass(frozen=True, slots=True)
class Ordered:
    """The tar's bytes in their new order; the first `count` entries are those that were wanted, and what they need."""

    pieces: Iterator[bytes]
    count: int
    found: tuple[str, ...]  # of the names that were wanted, those that are there


def prioritize(tar: BinaryIO, names: Sequence[str]) -> Ordered:
    """`tar`, a file, with the entries called `names` first, in that order; raises Corrupt.

    Directories above them and targets of hard links go along, before them; of one name all entries, in their order.
    Names that are not there are passed over: one list serves all layers of an image.
    """
    places = _scan(tar)
    first: dict[int, None] = {}
    for name in names:
        _require(clean_name(name), places, first)
    found = tuple(name for name in names if clean_name(name) in places.by_name)
    return Ordered(_pieces(tar, places.starts, first), len(first), found)


def _scan(tar: BinaryIO) -> _Places:
    tar.seek(0)
    places = _Places()
    stream = TarStream(tar)
    places.starts.append(0)
    while (header := stream.next()) is not None:
        stream.skip_payload()
        name = clean_name(header.name)
        places.by_name[name].append(len(places.starts) - 1)
        if header.kind is Kind.HARDLINK:
            places.targets[name] = clean_name(header.link_name)
        places.starts.append(tar.tell())
    return places


def _require(name: str, places: _Places, first: dict[int, None]) -> None:
    """Add the entries of `name` to `first`, and before them those that they need."""
    chain = [name]
    while (target := places.targets.get(chain[-1])) is not None and target not in chain:
        chain.append(target)
    for each in reversed(chain):
        parts = each.split("/")
        for depth in range(len(parts) + 1):
            first.update(dict.fromkeys(places.by_name.get("/".join(parts[:depth]), ())))


def _pieces(tar: BinaryIO, starts: Sequence[int], first: dict[int, None]) -> Iterator[bytes]:
    for number in first:
        yield from _slice(tar, starts[number], starts[number + 1])
    start = 0
    for number in sorted(first):
        yield from _slice(tar, start, starts[number])
        start = starts[number + 1]
    yield from _slice(tar, start, None)


def _slice(tar: BinaryIO, start: int, end: int | None) -> Iterator[bytes]:
    tar.seek(start)
    while end is None or start < end:
        piece = tar.read(_PIECE if end is None else min(_PIECE, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece
