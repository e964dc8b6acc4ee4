"""Tar headers to the JSON of a TOC.

Specification: stargz-snapshotter `docs/estargz.md`, "TOC"; what Go leaves out of an entry is left out here too.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import tempfile
import weakref
from collections import defaultdict, deque
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from crfs_dav.archive import Kind
from crfs_dav.formats.tarstream import TarHeader
from crfs_dav.names import Digest

Row = dict[str, Any]  # one entry of a TOC, its keys as in the JSON

_CHUNK = "chunk"
_OWNERS = (("userName", "uid"), ("groupName", "gid"))
_IN_MEMORY = 8 << 20  # bytes of a TOC
_PIECE = 1 << 20  # bytes
_SURROGATE = re.compile("[\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1)  # UTC without saying so: Go spells that `Z`, Python would `+00:00`


class TocWriter:
    """Rows in order to JSON text. A file's row waits for its digest, and the rows after it wait with it.

    The text lies in a temporary file where it is long: a million entries take some 300 MB.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lines = self._scratch()
        self._waiting: deque[Row] = deque()

    def add(self, rows: list[Row]) -> None:
        """Take rows that lack nothing but, maybe, the digest of a file that is still being read."""
        self._waiting.extend(rows)
        while self._waiting and not _lacks_digest(self._waiting[0]):
            self._lines.write(msgspec.json.encode(self._waiting.popleft()) + b"\n")

    def finish(self, repeated: Set[str]) -> Toc:
        """The whole TOC; of files that are there twice, by these `repeated` names, the last.

        Unpackers take the last, and readers that go by name (stargz-snapshotter's) would mix their chunks up.
        """
        superseded = _superseded(self._lines, repeated) if repeated else frozenset()
        file = self._scratch()
        digest, size = hashlib.sha256(), 0
        for piece in _document(_kept(self._lines, superseded) if superseded else _rewound(self._lines)):
            digest.update(piece)
            size += file.write(piece)
        self._lines.close()
        return Toc(file, size, Digest("sha256", digest.hexdigest()))

    def _scratch(self) -> BinaryIO:
        folder = None if self._folder is None else str(self._folder)
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=folder)  # noqa: SIM115
        weakref.finalize(self, file.close)
        return cast(BinaryIO, file)


@dataclass(frozen=True, slots=True)
class Toc:
    """A TOC's JSON, its size in bytes and its digest."""

    file: BinaryIO
    size: int
    digest: Digest

    def pieces(self) -> Iterator[bytes]:
        """The JSON, once; then it is gone."""
        self.file.seek(0)
        with self.file:
            yield from iter(lambda: self.file.read(_PIECE), b"")


def _rewound(lines: BinaryIO) -> Iterator[bytes]:
    lines.seek(0)
    return iter(lines)


def _document(lines: Iterator[bytes]) -> Iterator[bytes]:
    yield b'{"version":1,"entries":['
    separator = b"\n"
    for line in lines:
        yield separator + line[:-1]
        separator = b",\n"
    yield b"\n]}"


def _superseded(lines: BinaryIO, repeated: Set[str]) -> frozenset[int]:
    """Numbers of the lines of files that a later one of their name replaces.

    Not those that became directories, or were: what lies below depends on their order. Not those that a hard link
    was made to in between: it keeps the old content.
    """
    found: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
    linked: defaultdict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(_rewound(lines)):
        row = msgspec.json.decode(line)
        name, kind = clean_name(row["name"]), row["type"]
        if kind == Kind.HARDLINK.value and clean_name(row["linkName"]) in repeated:
            linked[clean_name(row["linkName"])].append(number)
        if kind != _CHUNK and name in repeated:
            found[name].append((number, kind == Kind.DIR.value))
    superseded = set()
    for name, places in found.items():
        last = places[-1][0]
        if len({is_directory for _, is_directory in places}) == 1:
            earlier = (number for number, _ in places[:-1])
            superseded |= {each for each in earlier if not any(each < link < last for link in linked[name])}
    return frozenset(superseded)


def _kept(lines: BinaryIO, superseded: frozenset[int]) -> Iterator[bytes]:
    """The other lines; names of owners that were news in one that is left out are told in the next."""
    is_dropped = False
    untold: dict[tuple[str, str, int], str] = {}
    for number, line in enumerate(_rewound(lines)):
        row = msgspec.json.decode(line)
        is_chunk = row["type"] == _CHUNK
        is_dropped = is_dropped if is_chunk else number in superseded  # chunks belong to the row before them
        for key, owner in () if is_chunk else _OWNERS:
            place = (key, owner, row.get(owner, 0))
            if is_dropped and key in row:
                untold[place] = row[key]
            elif not is_dropped and place in untold:
                row.setdefault(key, untold.pop(place))
        if not is_dropped:
            yield msgspec.json.encode(row) + b"\n"


def clean_name(name: str) -> str:
    """A path as unpackers understand it: `./a`, `/a` and `a/` are `a`."""
    return posixpath.normpath(f"/{name}").lstrip("/")


class Rows:
    """Makes the rows of one TOC: a name of a user or group is only told where it is news."""

    def __init__(self) -> None:
        self._user_names: dict[int, str] = {}
        self._group_names: dict[int, str] = {}
        self._seen: set[int] = set()  # hashes of names: 70 bytes each
        self.repeated: set[str] = set()  # names, cleaned, that came more than once

    def of(self, header: TarHeader) -> Row:
        """The row for `header`, without what depends on its payload."""
        name = clean_name(header.name)
        if hash(name) in self._seen and _printable(name) == name:
            self.repeated.add(name)
        self._seen.add(hash(name))
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
    seconds = (2 * mtime.numerator + mtime.denominator) // (2 * mtime.denominator)
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z" if seconds else ""
    except OverflowError:
        return ""


def _printable(text: str) -> str:
    """`text` with U+FFFD for each byte that is not UTF-8: JSON cannot say more. The bytes are in the tar header."""
    return _SURROGATE.sub("\ufffd", text)
