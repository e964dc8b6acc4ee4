"""Sparse files in tars: where the pieces that are stored belong, and the file put together from them.

Formats: GNU tar 1.34 manual, "Sparse Formats". The map of a file lists its pieces, each an offset and a size in bytes:

    old GNU   type S; four pairs at 386 of the header, 21 in each further block while the one before says so
    pax 0.0   records GNU.sparse.offset and .numbytes, in turns      pax 0.1   record GNU.sparse.map, with commas
    pax 1.0   before the pieces in the payload: their number, then the pairs, a line each; padded to whole blocks
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from crfs_dav.errors import Corrupt
from crfs_dav.readers import ReaderAt

_SIZE_LIMIT = 1 << 62  # bytes
_NUMBER = re.compile(rb"[0-9]{1,19}")
_RECORDS = "GNU.sparse."
OLD_PAIRS, OLD_IS_CONTINUED, OLD_SIZE = 386, 482, slice(483, 495)  # in a header of type S
NEXT_IS_CONTINUED = 504  # in the blocks that continue it
FIRST_COUNT, NEXT_COUNT = 4, 21


class Piece(NamedTuple):
    """Bytes `[file_offset, +size)` of a file, and where in the payload they are stored."""

    file_offset: int
    size: int
    stored_offset: int


class SparseMap(NamedTuple):
    """A sparse file: its size in bytes, and the pieces of it that are no holes, in order."""

    size: int
    pieces: Sequence[Piece]


def sparse_map(numbers: Sequence[int], size: int, stored_size: int) -> SparseMap:
    """The map that `numbers` spell, offset and size in turns; raises Corrupt unless it fits what is stored."""
    pieces: list[Piece] = []
    covered, stored = 0, 0
    for file_offset, piece_size in zip(numbers[::2], numbers[1::2], strict=False):
        if file_offset < covered or piece_size < 0:
            raise Corrupt(f"sparse map: {piece_size} bytes at {file_offset}; expected a piece from {covered} on")
        if piece_size:
            pieces.append(Piece(file_offset, piece_size, stored))
        covered, stored = file_offset + piece_size, stored + piece_size
    if len(numbers) % 2 or not covered <= size < _SIZE_LIMIT or stored != stored_size:
        raise Corrupt(f"sparse map: {stored} of {covered} bytes; expected {stored_size} stored, within {size}")
    return SparseMap(size, pieces)


def is_sparse(records: Mapping[str, bytes]) -> bool:
    """True if pax records make a file a sparse one."""
    return any(key.startswith(_RECORDS) for key in records)


def is_version_1(records: Mapping[str, bytes]) -> bool:
    """True if the map stands in the payload."""
    return records.get("GNU.sparse.major") == b"1"


def recorded_size(records: Mapping[str, bytes]) -> int:
    """Bytes of the file; raises Corrupt."""
    return _number(records.get("GNU.sparse.realsize") or records.get("GNU.sparse.size") or b"")


def recorded_numbers(records: Mapping[str, bytes]) -> list[int]:
    """The map of a file of version 0; raises Corrupt."""
    text = records.get("GNU.sparse.map", b"")
    return [_number(number) for number in text.split(b",")] if text else []


def numbers_of_lines(lines: Iterable[bytes]) -> list[int]:
    """Numbers spelled one a line; raises Corrupt."""
    return [_number(line) for line in lines]


def _number(text: bytes) -> int:
    if not _NUMBER.fullmatch(text):
        raise Corrupt(f"sparse map: {text[:40]!r}; expected a number")
    return int(text)


class SparseReader:
    """A `ReaderAt` over a sparse file: zeros but for the pieces, which lie in `content` where they say."""

    def __init__(self, content: ReaderAt, size: int, pieces: Sequence[Piece]) -> None:
        self._content = content
        self._size = size
        self._pieces = pieces

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)` of the file, fewer only at its end; raises what the content raises."""
        end = min(offset + size, self._size)
        if offset >= end:
            return b""
        parts = bytearray()
        first = max(0, bisect_right(self._pieces, offset, key=_file_offset) - 1)
        for position in range(first, len(self._pieces)):
            piece = self._pieces[position]
            start, stop = max(offset, piece.file_offset), min(end, piece.file_offset + piece.size)
            if piece.file_offset >= end:
                break
            if start < stop:
                parts += bytes(start - offset - len(parts))
                parts += self._content.read_at(piece.stored_offset + start - piece.file_offset, stop - start)
        return bytes(parts) + bytes(end - offset - len(parts))


def _file_offset(piece: Piece) -> int:
    return piece.file_offset
