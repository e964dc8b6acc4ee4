"""Names in a run of tar headers, as the bytes that they are.

POSIX.1-2017 pax and GNU tar 1.34 ("Basic Tar Format"): long names in pax records `path` and `linkpath` (type x) or
in blocks of their own (types L and K), which stand before the header that they speak of. `tarfile` parses the one
block; it cannot walk a piece of an archive that begins anywhere but at its start.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import NamedTuple

_BLOCK = 512
_RECORDS_LIMIT = 1 << 20  # bytes of pax records or of one long name (CVE-2025-58183 had none)
_WITH_CONTENT = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE)
_LONG_NAMES = {tarfile.GNUTYPE_LONGNAME: b"path", tarfile.GNUTYPE_LONGLINK: b"linkpath"}


class TarNames(NamedTuple):
    """Name and link name of one tar header, pax and GNU long names applied."""

    name: bytes
    link_name: bytes


def parse_headers(content: bytes, offset: int) -> Iterator[TarNames]:
    """Names of the headers from `offset` on, contents skipped; ends at whatever is no header."""
    records: dict[bytes, bytes] = {}
    while offset + _BLOCK <= len(content):
        try:
            header = tarfile.TarInfo.frombuf(content[offset : offset + _BLOCK], "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return
        offset += _BLOCK
        if header.size < 0:
            return
        if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, *_LONG_NAMES):
            if header.size > _RECORDS_LIMIT:
                return
            records |= _records(header.type, content[offset : offset + header.size])
            offset += _padded(header.size)
        elif header.type == tarfile.XGLTYPE:
            offset += _padded(header.size)
        else:
            name, link_name = _bytes(header.name), _bytes(header.linkname)
            yield TarNames(records.get(b"path") or name, records.get(b"linkpath") or link_name)
            size = _number(records.get(b"size"), header.size)
            offset += _padded(size) if header.type in _WITH_CONTENT else 0
            records = {}


def _records(kind: bytes, content: bytes) -> dict[bytes, bytes]:
    key = _LONG_NAMES.get(kind)
    return _pax_records(content) if key is None else {key: content.partition(b"\0")[0]}


def _pax_records(content: bytes) -> dict[bytes, bytes]:
    """Records, each `<length> <key>=<value>` and a newline, as far as they are well-formed."""
    records: dict[bytes, bytes] = {}
    offset = 0
    while offset < len(content):
        digits = content[offset : offset + 20].partition(b" ")[0]
        size = _number(digits, 0)
        record = content[offset + len(digits) + 1 : offset + size]
        if not record.endswith(b"\n"):
            break
        key, _, value = record[:-1].partition(b"=")
        records[key] = value  # an empty one takes back what a global header said
        offset += size
    return records


def _number(digits: bytes | None, default: int) -> int:
    return int(digits) if digits and digits.isdigit() and len(digits) < 20 else default


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
