"""Named parts as the bytes of one file that is used where it lies: mapped, not read.

    "CRFSPRT1"        8 bytes, format and its version
    header size       4, little-endian, as all numbers
    CRC-32            4, of all that follows
    header            JSON: key, byte order, facts; of each part its offset and size
    zeros             up to a multiple of 8
    parts             one after the other, each from a multiple of 8 on; offsets count from the first

The check finds what a disk or a crash did to the file. Against people the folder is the guard: it is its owner's alone.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec

from crfs_dav.errors import Corrupt
from crfs_dav.formats.gzipmember import engine
from crfs_dav.formats.mappedpages import let_go
from crfs_dav.formats.spill import SpilledColumn

_MAGIC = b"CRFSPRT1"
_PREFIX = struct.Struct("<8sII")
_HEADER_LIMIT = 1 << 20  # bytes
_ALIGNMENT = 8
_READ_SIZE = 2 << 20  # bytes


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    byte_order: str
    facts: dict[str, str]
    parts: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PartsFile:
    """What one file holds: parts as plain bytes, facts as texts; `crc` is that of its bytes."""

    parts: Mapping[str, memoryview]
    facts: Mapping[str, str]
    crc: int

    def part(self, name: str, kind: str) -> memoryview:
        """The part called `name` as values of struct's letter `kind`; raises Corrupt where it is none."""
        part = self.parts.get(name)
        if part is None or part.nbytes % struct.calcsize(kind):
            raise Corrupt(f"kept file, {name[:40]!r}: {part and part.nbytes} bytes; expected whole values of {kind!r}")
        typed: Any = kind
        return part.cast(typed)


@dataclass(frozen=True, slots=True)
class Dump:
    """The bytes of one file, in pieces, made each time that they are gone through."""

    head: bytes
    parts: Sequence[memoryview | SpilledColumn]

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self.head
        yield from _laid_out(self.parts)


def dump_parts(parts: Mapping[str, Any], facts: Mapping[str, str], key: str) -> Dump:
    """The bytes of the file; `key` says what it was made of."""
    stored = {name: part if isinstance(part, SpilledColumn) else memoryview(part) for name, part in parts.items()}
    layout: dict[str, tuple[int, int]] = {}
    offset = 0
    for name, part in stored.items():
        layout[name] = (offset, part.nbytes)
        offset += part.nbytes + -part.nbytes % _ALIGNMENT
    header = msgspec.json.encode(_Header(key, sys.byteorder, dict(facts), layout))
    padded = header + bytes(-(_PREFIX.size + len(header)) % _ALIGNMENT)
    crc = _crc(chain([padded], _laid_out(stored.values())))
    return Dump(_PREFIX.pack(_MAGIC, len(header), crc) + padded, list(stored.values()))


def load_parts(data: memoryview, key: str) -> PartsFile:
    """What `dump_parts` wrote of `key`, without copying it; raises Corrupt for anything else."""
    header, size, crc = _header(data)
    if header.key != key or header.byte_order != sys.byteorder:
        raise Corrupt(f"kept file: {header.key[:200]!r}, {header.byte_order[:20]}; expected {key!r}")
    body = data[-(-(_PREFIX.size + size) // _ALIGNMENT) * _ALIGNMENT :]
    return PartsFile({name: _part(body, name, *place) for name, place in header.parts.items()}, header.facts, crc)


def _laid_out(parts: Iterable[memoryview | SpilledColumn]) -> Iterator[bytes | memoryview]:
    for part in parts:
        yield from part.pieces() if isinstance(part, SpilledColumn) else [part.cast("B")]
        yield bytes(-part.nbytes % _ALIGNMENT)


def _header(data: memoryview) -> tuple[_Header, int, int]:
    """The header, its size and the file's CRC-32."""
    if len(data) < _PREFIX.size:
        raise Corrupt(f"kept file: {len(data)} bytes; expected a header")
    magic, size, crc = _PREFIX.unpack_from(data)
    if magic != _MAGIC or size > min(_HEADER_LIMIT, len(data) - _PREFIX.size):
        raise Corrupt(f"kept file: {magic!r} and a header of {size} bytes; expected {_MAGIC!r} and one that fits")
    if _crc(_read_once(data, _PREFIX.size)) != crc:
        raise Corrupt(f"kept file: another CRC-32; expected {crc:08x}")
    try:
        return msgspec.json.decode(data[_PREFIX.size : _PREFIX.size + size], type=_Header), size, crc
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt(f"kept file: {error}; expected its header") from None


def _part(body: memoryview, name: str, offset: int, size: int) -> memoryview:
    if offset < 0 or size < 0 or offset + size > len(body) or offset % _ALIGNMENT:
        raise Corrupt(f"kept file, {name[:40]!r}: {size} bytes at {offset}; expected a part inside it")
    return body[offset : offset + size]


def _read_once(data: memoryview, start: int) -> Iterator[memoryview]:
    """`data` from `start` on, of which little is in this process's memory at once where it is mapped."""
    for offset in range(0, len(data), _READ_SIZE):
        yield data[max(offset, start) : offset + _READ_SIZE]
        let_go(data)


def _crc(pieces: Iterable[bytes | memoryview]) -> int:
    crc = 0
    for piece in pieces:
        crc = int(engine.crc32(piece, crc))
    return crc
