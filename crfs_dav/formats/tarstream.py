"""Tar headers read off a stream, one after the other, with the raw bytes that spell them.

Formats: POSIX.1-2001 pax (`pax` utility, "pax Header Block"), ustar, GNU tar ("Basic Tar Format"), v7. A header
is what Go's archive/tar takes it for, so that what is written from it agrees with other writers of layers.

    header: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link name 100,
            magic and version 8, user 32, group 32, major 8, minor 8, prefix 155 (ustar only), zeros 12: 512 bytes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import BinaryIO

from crfs_dav.archive import Kind
from crfs_dav.errors import Corrupt
from crfs_dav.formats.sparse import (
    FIRST_COUNT,
    NEXT_COUNT,
    NEXT_IS_CONTINUED,
    OLD_IS_CONTINUED,
    OLD_PAIRS,
    OLD_SIZE,
    SparseMap,
    is_sparse,
    is_version_1,
    numbers_of_lines,
    recorded_numbers,
    recorded_size,
    sparse_map,
)

BLOCK = 512  # bytes
XATTR_PREFIX = "SCHILY.xattr."  # of pax records
_EXTENSION_LIMIT = 1 << 20  # bytes of one extension (CVE-2025-58183 is Go's archive/tar without such a limit)
_EXTENSIONS_LIMIT = 16  # extensions of one member
_SIZE_LIMIT = 1 << 62  # bytes a member may claim
_SKIP_SIZE = 1 << 20  # bytes
_NUMBERS_KEPT = 4096  # most members have the owner, the mode and the time of others
_SECONDS = re.compile(rb"-?[0-9]{1,18}(\.[0-9]{0,18})?")  # no exponent: Fraction would work it out
_SPARSE = "sparse; expected its map"  # a header whose map is still to be read
_SPARSE_PAIR = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")  # repeated, in turns

_KINDS = {
    b"0": Kind.REG,
    b"\0": Kind.REG,
    b"7": Kind.REG,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHAR,
    b"4": Kind.BLOCK,
    b"5": Kind.DIR,
    b"6": Kind.FIFO,
}


@dataclass(frozen=True, slots=True)
class TarHeader:
    """One member's header; texts hold bytes that are not UTF-8 as lone surrogates."""

    raw: bytes  # all blocks that spell it, extensions first
    name: str
    kind: Kind
    size: int  # bytes of payload in the stream; 0 for all kinds but reg
    mode: int  # permission bits and setuid, setgid, sticky
    uid: int
    gid: int
    mtime: Fraction  # seconds since 1970
    link_name: str
    user_name: str
    group_name: str
    device: tuple[int, int]  # major, minor
    xattrs: Mapping[str, bytes]
    sparse: SparseMap | None = None  # where the payload belongs, of a file with holes
    flaw: str = ""  # why the content cannot be read, where it cannot


class TarStream:
    """The members of a tar stream in order; for one thread. Bounded memory, whatever the stream claims."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = 0  # bytes of payload not yet read
        self._padding = 0
        self._global_records: dict[str, bytes] = {}

    def next(self) -> TarHeader | None:
        """The next header, None at the end (a block of zeros, or no more blocks). Raises Corrupt.

        What is left of the payload before it is skipped.
        """
        self.skip_payload()
        raw = bytearray()
        extensions: dict[str, bytes] = {}
        for _ in range(_EXTENSIONS_LIMIT + 1):
            block = self._block()
            if block is None:
                if raw:
                    raise Corrupt("tar: end after an extension; expected the header that it extends")
                return None
            raw += block
            type_ = _checked_type(block)
            if type_ not in b"xgLKX":
                records = {**self._global_records, **extensions}
                header = _header(bytes(raw), block, records)
                self._left, self._padding = header.size, -header.size % BLOCK
                return header if header.flaw != _SPARSE else self._sparse(header, block, records)
            payload = self._extension(block)
            raw += payload
            self._extend(type_, payload[: _number(block[124:136], "size")], extensions)
        raise Corrupt(f"tar: more than {_EXTENSIONS_LIMIT} extensions of one member; expected a header")

    def read(self, size: int) -> bytes:
        """At most `size` bytes of payload, fewer only at its end; raises Corrupt where the stream ends before."""
        size = min(size, self._left)
        data = _read_fully(self._stream, size)
        if len(data) < size:
            raise Corrupt(f"tar: end of stream with {self._left - len(data)} bytes of payload to come; expected them")
        self._left -= size
        return data

    def read_padding(self) -> bytes:
        """The bytes between the payload, read to its end, and the next header."""
        padding, self._padding = _read_fully(self._stream, self._padding), 0
        return padding

    def skip_payload(self) -> None:
        """Go on to the next header; raises Corrupt where the stream ends before."""
        while self._left:
            self.read(_SKIP_SIZE)
        self.read_padding()

    def _sparse(self, header: TarHeader, block: bytes, records: Mapping[str, bytes]) -> TarHeader:
        """The header of a sparse file, its map read; one whose map makes no sense has a flaw."""
        raw = bytearray(header.raw)
        try:
            if block[156:157] == b"S":
                size, numbers = _number(block[OLD_SIZE], "sparse size"), self._old_map(block, raw)
            elif is_version_1(records):
                size, numbers = recorded_size(records), self._payload_map(raw)
            else:
                size, numbers = recorded_size(records), recorded_numbers(records)
            found = sparse_map(numbers, size, self._left)
        except Corrupt as error:
            return replace(header, raw=bytes(raw), size=self._left, flaw=str(error))
        name = _text(records.get("GNU.sparse.name") or b"") or header.name
        return replace(header, raw=bytes(raw), name=name, size=self._left, sparse=found, flaw="")

    def _old_map(self, block: bytes, raw: bytearray) -> list[int]:
        numbers = _pairs(block[OLD_PAIRS:], FIRST_COUNT)
        is_continued = block[OLD_IS_CONTINUED]
        while is_continued:
            block = _read_fully(self._stream, BLOCK)
            raw += block
            if len(block) < BLOCK or len(raw) > _EXTENSION_LIMIT:
                raise Corrupt(f"sparse map: {len(raw)} bytes and no end; expected at most {_EXTENSION_LIMIT}")
            numbers += _pairs(block, NEXT_COUNT)
            is_continued = block[NEXT_IS_CONTINUED]
        return numbers

    def _payload_map(self, raw: bytearray) -> list[int]:
        text = bytearray()
        found, wanted = 0, 1  # lines: the count of the pieces, then two for each
        while found < wanted:
            block = self.read(BLOCK)
            if len(block) < BLOCK or len(text) > _EXTENSION_LIMIT:
                raise Corrupt(f"sparse map: {len(text)} bytes and no end; expected at most {_EXTENSION_LIMIT}")
            raw += block
            text += block
            if found == 0 and b"\n" in block:
                wanted += 2 * numbers_of_lines([bytes(text).partition(b"\n")[0]])[0]
            found += block.count(b"\n")
        return numbers_of_lines(bytes(text).split(b"\n")[1:wanted])

    def _block(self) -> bytes | None:
        block = _read_fully(self._stream, BLOCK)
        if 0 < len(block) < BLOCK:
            raise Corrupt(f"tar: {len(block)} bytes at the end; expected a block of {BLOCK}")
        return block if any(block) else None

    def _extension(self, block: bytes) -> bytes:
        size = _number(block[124:136], "size")
        if not 0 <= size <= _EXTENSION_LIMIT:
            raise Corrupt(f"tar: extension of {size} bytes; expected at most {_EXTENSION_LIMIT}")
        payload = _read_fully(self._stream, size + -size % BLOCK)
        if len(payload) < size:
            raise Corrupt("tar: end of stream within an extension; expected the rest of it")
        return payload

    def _extend(self, type_: bytes, payload: bytes, extensions: dict[str, bytes]) -> None:
        if type_ == b"g":
            self._global_records |= parse_pax(payload)
        elif type_ in b"xX":
            extensions |= parse_pax(payload)
        else:
            extensions["path" if type_ == b"L" else "linkpath"] = payload.partition(b"\0")[0]


def parse_pax(payload: bytes) -> dict[str, bytes]:
    r"""Records by key, spelled `<size> <key>=<value>\n` each; raises Corrupt."""
    records = {}
    offset = 0
    sparse_numbers = []
    while offset < len(payload):
        digits, space, _ = payload[offset : offset + 9].partition(b" ")
        size = int(digits) if space and digits.isdigit() else 0
        record = payload[offset + len(digits) + 1 : offset + size]
        key, equals, value = record[:-1].partition(b"=")
        if not key or not equals or record[-1:] != b"\n" or offset + size > len(payload):
            raise Corrupt(f"tar: PAX record {payload[offset : offset + 40]!r}; expected size, key and value")
        records[_text(key)] = value
        if key in _SPARSE_PAIR:
            sparse_numbers.append(value)
        offset += size
    return records | {"GNU.sparse.map": b",".join(sparse_numbers)} if sparse_numbers else records


def _checked_type(block: bytes) -> bytes:
    stored = _number(block[148:156], "checksum")
    summed = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(summed)
    if stored != unsigned and stored != unsigned - 256 * sum(byte > 127 for byte in summed):  # old writers add signed
        raise Corrupt(f"tar: header checksum {stored}; expected {unsigned}")
    return block[156:157]


def _header(raw: bytes, block: bytes, records: Mapping[str, bytes]) -> TarHeader:
    name = _text(records.get("path") or _stored_name(block))
    type_ = block[156:157]
    kind = _KINDS.get(type_, Kind.REG)  # POSIX: what is not known is a regular file
    flaw = "" if type_ in _KINDS else f"type {type_!r}; expected a plain one"
    if type_ == b"S" or (kind is Kind.REG and is_sparse(records)):
        flaw = _SPARSE
    if kind is Kind.REG and name.endswith("/"):
        kind = Kind.DIR  # v7 has no type for directories
    size = _recorded_number(records, "size", block[124:136])
    link_name = _text(records.get("linkpath") or _until_nul(block[157:257]))
    if not 0 <= size < _SIZE_LIMIT or "\0" in name + link_name:
        raise Corrupt(f"tar member {name[:200]!r}: {size} bytes; expected a size, and names without NUL")
    has_owners = block[257:262] == b"ustar"
    return TarHeader(
        raw=raw,
        name=name,
        kind=kind,
        size=size if kind is Kind.REG else 0,
        mode=_number(block[100:108], "mode") & 0o7777,
        uid=_recorded_number(records, "uid", block[108:116]),
        gid=_recorded_number(records, "gid", block[116:124]),
        mtime=_mtime(records, block),
        link_name=link_name,
        user_name=_text(records.get("uname") or (_until_nul(block[265:297]) if has_owners else b"")),
        group_name=_text(records.get("gname") or (_until_nul(block[297:329]) if has_owners else b"")),
        device=(_number(block[329:337], "major"), _number(block[337:345], "minor")) if has_owners else (0, 0),
        xattrs={
            key.removeprefix(XATTR_PREFIX): value for key, value in records.items() if key.startswith(XATTR_PREFIX)
        },
        flaw=flaw,
    )


def _stored_name(block: bytes) -> bytes:
    name, prefix = _until_nul(block[:100]), _until_nul(block[345:500])
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _pairs(block: bytes, count: int) -> list[int]:
    """Numbers of the pairs at the start of `block`, as far as there are any."""
    fields = [block[start : start + 12] for start in range(0, 24 * count, 12)]
    pairs = [pair for pair in zip(fields[::2], fields[1::2], strict=True) if any(pair[1])]
    return [_number(field, "sparse map") for pair in pairs for field in pair]


def _mtime(records: Mapping[str, bytes], block: bytes) -> Fraction:
    text = records.get("mtime")
    if not text:
        return Fraction(_number(block[136:148], "mtime"))
    if not _SECONDS.fullmatch(text):
        raise Corrupt(f"tar: mtime {text[:40]!r}; expected seconds")
    return Fraction(text.decode())


def _recorded_number(records: Mapping[str, bytes], key: str, field: bytes) -> int:
    text = records.get(key)
    if not text:
        return _number(field, key)
    if not text.isdigit() or len(text) > 19:
        raise Corrupt(f"tar: {key} {text[:40]!r}; expected a decimal number")
    return int(text)


@lru_cache(_NUMBERS_KEPT)
def _number(field: bytes, what: str) -> int:
    """Octal digits; or, with the first bit set, GNU's base 256 in two's complement."""
    if field[0] & 0x80:
        lead = field[0] & 0x7F | (0x80 if field[0] & 0x40 else 0)
        return int.from_bytes(bytes([lead]) + field[1:], "big", signed=True)
    digits = _until_nul(field).strip(b" ")
    if digits.strip(b"01234567"):
        raise Corrupt(f"tar: {what} {field!r}; expected octal digits")
    return int(digits, 8) if digits else 0


def _until_nul(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _read_fully(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end of the stream: pipes and sockets give what they have."""
    data = stream.read(size) or b""
    if len(data) == size:
        return data
    pieces = [data]
    while data and size > sum(map(len, pieces)):
        data = stream.read(size - sum(map(len, pieces))) or b""
        pieces.append(data)
    return b"".join(pieces)
