"""Columns as the bytes of one file that is used where it lies: mapped, not read.

    "CRFSCOL1"        8 bytes, format and its version
    header size       4, little-endian, as all numbers
    CRC-32            4, of all that follows
    header            JSON: key, byte order, names of owners, further facts; of each part its offset and size
    zeros             up to a multiple of 8
    parts             one after the other, each from a multiple of 8 on; offsets count from the first

The check finds what a disk or a crash did to the file. Against people the folder is the guard: it is its owner's alone.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from crfs_dav.errors import Corrupt
from crfs_dav.formats.columns import COLUMN_TYPES, Columns
from crfs_dav.formats.mappedpages import let_go
from crfs_dav.formats.spill import SpilledColumn

try:
    from zlib_ng import zlib_ng
except ImportError:  # pragma: no cover - depends on the platform
    _engine: Any = zlib
else:
    _engine = zlib_ng  # CRC-32 of 26 GB/s, ten times zlib's

_MAGIC = b"CRFSCOL1"
_PREFIX = struct.Struct("<8sII")
_HEADER_LIMIT = 64 << 20  # bytes; the names of owners are most of it
_ALIGNMENT = 8
_READ_SIZE = 2 << 20  # bytes


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    byte_order: str
    owner_names: list[str]
    facts: dict[str, str]
    parts: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class ColumnsFile:
    """What one file holds: columns, parts of another kind as plain bytes, facts as texts."""

    columns: Columns
    extra: Mapping[str, memoryview] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dump:
    """The bytes of one file, in pieces, made each time that they are gone through."""

    head: bytes
    parts: Sequence[memoryview | SpilledColumn]

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self.head
        yield from _laid_out(self.parts)


def dump_columns(file: ColumnsFile, key: str) -> Dump:
    """The bytes of the file; `key` says what it was made of."""
    stored = {**file.columns.parts, **{f"+{name}": part for name, part in file.extra.items()}}
    parts = {name: part if isinstance(part, SpilledColumn) else memoryview(part) for name, part in stored.items()}
    layout: dict[str, tuple[int, int]] = {}
    offset = 0
    for name, part in parts.items():
        layout[name] = (offset, part.nbytes)
        offset += part.nbytes + -part.nbytes % _ALIGNMENT
    header = msgspec.json.encode(_Header(key, sys.byteorder, list(file.columns.owner_names), dict(file.facts), layout))
    padded = header + bytes(-(_PREFIX.size + len(header)) % _ALIGNMENT)
    crc = _crc(chain([padded], _laid_out(parts.values())))
    return Dump(_PREFIX.pack(_MAGIC, len(header), crc) + padded, list(parts.values()))


def _laid_out(parts: Iterable[memoryview | SpilledColumn]) -> Iterator[bytes | memoryview]:
    for part in parts:
        yield from part.pieces() if isinstance(part, SpilledColumn) else [part.cast("B")]
        yield bytes(-part.nbytes % _ALIGNMENT)


def load_columns(data: memoryview, key: str) -> ColumnsFile:
    """What `dump_columns` wrote of `key`, without copying it; raises Corrupt for anything else."""
    header = _header(data)
    if header.key != key or header.byte_order != sys.byteorder:
        raise Corrupt(f"columns file: {header.key[:200]!r}, {header.byte_order[:20]}; expected {key!r}")
    body = data[-(-(_PREFIX.size + _PREFIX.unpack_from(data)[1]) // _ALIGNMENT) * _ALIGNMENT :]
    parts = {name: _part(body, name, *place) for name, place in header.parts.items()}
    _check_shape(parts)
    columns = Columns.of_parts(parts, header.owner_names)
    extra = {name[1:]: part for name, part in parts.items() if name.startswith("+")}
    return ColumnsFile(columns, extra, header.facts)


def _header(data: memoryview) -> _Header:
    if len(data) < _PREFIX.size:
        raise Corrupt(f"columns file: {len(data)} bytes; expected a header")
    magic, size, crc = _PREFIX.unpack_from(data)
    if magic != _MAGIC or size > min(_HEADER_LIMIT, len(data) - _PREFIX.size):
        raise Corrupt(f"columns file: {magic!r} and a header of {size} bytes; expected {_MAGIC!r} and one that fits")
    if _crc(_read_once(data, _PREFIX.size)) != crc:
        raise Corrupt(f"columns file: another CRC-32; expected {crc:08x}")
    try:
        return msgspec.json.decode(data[_PREFIX.size : _PREFIX.size + size], type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt(f"columns file: {error}; expected its header") from None


def _part(body: memoryview, name: str, offset: int, size: int) -> memoryview:
    kind: Any = COLUMN_TYPES.get(name, "B")
    if offset < 0 or size < 0 or offset + size > len(body) or size % struct.calcsize(kind) or offset % _ALIGNMENT:
        raise Corrupt(f"columns file, {name[:40]!r}: {size} bytes at {offset}; expected a part inside it")
    return body[offset : offset + size].cast(kind)


def _check_shape(parts: Mapping[str, memoryview]) -> None:
    missing = [name for name in COLUMN_TYPES if name not in parts]
    if missing:
        raise Corrupt(f"columns file: no {missing[0]}; expected all columns")
    count = len(parts["kinds"])
    rows = [len(parts[name]) for name in COLUMN_TYPES if name in _ENTRY_COLUMNS]
    chunk_rows = [len(parts[name]) for name in COLUMN_TYPES if name in _CHUNK_COLUMNS]
    text_size = parts["text_ends"][-1] if count else 0
    if {*rows, len(parts["first_chunks"]) - 1} != {count} or len({*chunk_rows}) != 1 or text_size != len(parts["text"]):
        raise Corrupt(f"columns file: {count} entries in columns of other sizes; expected equal ones")


_ENTRY_COLUMNS = frozenset(
    {"text_ends", "kinds", "modes", "uids", "gids", "users", "groups", "mtimes", "sizes", "entry_digests", "xattrs"}
)
_CHUNK_COLUMNS = frozenset({"offsets", "inner_offsets", "file_offsets", "chunk_sizes", "chunk_digests"})


def _read_once(data: memoryview, start: int) -> Iterator[memoryview]:
    """`data` from `start` on, of which little is in this process's memory at once where it is mapped."""
    for offset in range(0, len(data), _READ_SIZE):
        yield data[max(offset, start) : offset + _READ_SIZE]
        let_go(data)


def _crc(pieces: Iterable[bytes | memoryview]) -> int:
    crc = 0
    for piece in pieces:
        crc = int(_engine.crc32(piece, crc))
    return crc
