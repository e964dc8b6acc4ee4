"""Tar headers to the JSON of a TOC.

Specification: stargz-snapshotter `docs/estargz.md`, "TOC"; what Go leaves out of an entry is left out here too.
"""

from __future__ import annotations

import base64
import json
import math
from collections import deque
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from crfs_dav.archive import Kind
from crfs_dav.formats.tarstream import TarHeader

Row = dict[str, Any]  # one entry of a TOC, its keys as in the JSON

_EPOCH = datetime(1970, 1, 1)  # UTC without saying so: Go spells that `Z`, Python would `+00:00`


class TocWriter:
    """Rows in order to JSON text. A file's row waits for its digest, and the rows after it wait with it."""

    def __init__(self) -> None:
        self._json = bytearray(b'{"version":1,"entries":[')
        self._separator = b"\n"
        self._waiting: deque[Row] = deque()

    def add(self, rows: list[Row]) -> None:
        """Take rows that lack nothing but, maybe, the digest of a file that is still being read."""
        self._waiting.extend(rows)
        while self._waiting and not _lacks_digest(self._waiting[0]):
            self._write(self._waiting.popleft())

    def finish(self) -> bytes:
        """The whole TOC."""
        return bytes(self._json + b"\n]}")

    def _write(self, row: Row) -> None:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        self._json += self._separator + text.encode()
        self._separator = b",\n"


class Rows:
    """Makes the rows of one TOC: a name of a user or group is only told where it is news."""

    def __init__(self) -> None:
        self._user_names: dict[int, str] = {}
        self._group_names: dict[int, str] = {}

    def of(self, header: TarHeader) -> Row:
        """The row for `header`, without what depends on its payload."""
        row = {
            "name": _printable(header.name),
            "type": header.kind.value,
            "size": header.size,
            "linkName": _printable(header.link_name),
            "mode": header.mode,
            "uid": header.uid,
            "gid": header.gid,
            "userName": _news(self._user_names, header.uid, _printable(header.user_name)),
            "groupName": _news(self._group_names, header.gid, _printable(header.group_name)),
            "modtime": _rfc3339(header.mtime),
            "devMajor": header.device[0],
            "devMinor": header.device[1],
            "xattrs": {_printable(key): base64.b64encode(value).decode() for key, value in header.xattrs.items()},
        }
        return {key: value for key, value in row.items() if value}


def _lacks_digest(row: Row) -> bool:
    return row["type"] == Kind.REG.value and "digest" not in row


def _news(names: dict[int, str], number: int, name: str) -> str:
    if names.get(number, "") == name or not name:
        return ""
    names[number] = name
    return name


def _rfc3339(mtime: Fraction) -> str:
    """`mtime` rounded to the second, halves up as Go does; empty for 1970 itself and for years without a spelling."""
    seconds = math.floor(mtime + Fraction(1, 2))
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z" if seconds else ""
    except OverflowError:
        return ""


def _printable(text: str) -> str:
    """`text` with U+FFFD for each byte that is not UTF-8: JSON cannot say more. The bytes are in the tar header."""
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
