"""Entries and chunks of an archive as columns: about 180 bytes an entry, and no Python object for any of them.

An `Entry` is made when it is asked for. Built by one thread with `extend` and `add_*`, read-only for any thread
after `finish`.

    text        name of each entry, then NUL and its link name where it has one; UTF-8, other bytes as they are
    digest      position in `digests` (32 raw bytes each; sha256), 0 = none, BAD = not to be trusted
    xattrs      position in a list of packed sets, 0 = none
    chunks of entry i: rows `[first_chunks[i], first_chunks[i + 1])` of the chunk columns
    -1          in a size or an offset: a number that makes no sense
    -2          in the offset of a chunk: the chunk is zeros, and nothing need be read

Positions in `digests` count from 1.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from operator import le
from typing import Any

import msgspec

from crfs_dav.archive import EMPTY, OUTLINED, Entry, Kind, Outline, Stat
from crfs_dav.formats.mappedpages import let_go
from crfs_dav.names import Digest

KINDS = tuple(Kind)
NO_DIGEST = 0
BAD_DIGEST = 0xFFFF_FFFF
_NO_DIGESTS = (NO_DIGEST, BAD_DIGEST)
NONSENSE = -1
ZEROS = -2
NO_MTIME = -(1 << 63)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGEST_SIZE = 32
_NAMES_LIMIT = 0xFFFF  # different user or group names of a layer; further ones are not kept
COLUMN_TYPES: Mapping[str, str] = {  # struct's letters, of the columns that `parts` names
    "text": "B",
    "text_ends": "I",
    "kinds": "B",
    "modes": "H",
    "uids": "I",
    "gids": "I",
    "users": "H",
    "groups": "H",
    "mtimes": "q",
    "sizes": "q",
    "entry_digests": "I",
    "xattrs": "I",
    "first_chunks": "I",
    "offsets": "q",
    "inner_offsets": "q",
    "file_offsets": "q",
    "chunk_sizes": "q",
    "chunk_digests": "I",
    "digests": "B",
    "packed_xattrs": "B",
    "packed_ends": "I",
    "boundaries": "q",
}
_REG = KINDS.index(Kind.REG)
_LINKS = (Kind.SYMLINK, Kind.HARDLINK)


class Row(msgspec.Struct, gc=False):
    """One entry on its way into the columns; numbers are in range, or NONSENSE where that is allowed."""

    text: bytes
    kind: int  # position in KINDS
    size: int = 0  # may be NONSENSE
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user: int = 0
    group: int = 0
    mtime: int = NO_MTIME  # microseconds since the epoch, within the years 1 to 9999
    digest: int = NO_DIGEST
    xattrs: int = 0
    first_chunk: int = 0


class ChunkRow(msgspec.Struct, gc=False):
    """One chunk on its way into the columns; every number may be NONSENSE."""

    offset: int  # of its member in the blob
    inner_offset: int
    file_offset: int
    size: int
    digest: int


class Columns:
    """The entries and chunks of one archive."""

    def __init__(self, new_column: Callable[[str], Any] = array) -> None:
        """Columns that `new_column` makes of struct's letters; what is not an `array` can only be built, and stored."""
        self._text = new_column("B")
        self._text_ends = new_column("I")
        self._kinds = new_column("B")
        self._modes = new_column("H")
        self._uids = new_column("I")
        self._gids = new_column("I")
        self._users = new_column("H")
        self._groups = new_column("H")
        self._mtimes = new_column("q")
        self._sizes = new_column("q")
        self._entry_digests = new_column("I")
        self._xattrs = new_column("I")
        self._first_chunks = new_column("I")
        self._offsets = new_column("q")
        self._inner_offsets = new_column("q")
        self._file_offsets = new_column("q")
        self._chunk_sizes = new_column("q")
        self._chunk_digests = new_column("I")
        self._digests = new_column("B")
        self._last_digest = b""
        self._names = [""]  # of users and groups
        self._name_positions = {"": 0}
        self._packed_xattrs = new_column("B")
        self._packed_ends = new_column("I")
        self._packed_ends.append(0)
        self._boundaries = array("q")
        self._boundaries_sorted = True
        self.outline_id = ""  # of columns that lie in a file: what they were made of, and the check of its bytes

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def text_size(self) -> int:
        """Bytes of all names and link names."""
        return len(self._text)

    @property
    def xattrs_size(self) -> int:
        """Bytes of all packed sets of extended attributes."""
        return len(self._packed_xattrs)

    # Building

    def extend(self, rows: Sequence[Row]) -> None:
        """Append entries. Column by column: half the time of row by row."""
        self.extend_by_column(
            [row.text for row in rows],
            kinds=[row.kind for row in rows],
            modes=[row.mode for row in rows],
            uids=[row.uid for row in rows],
            gids=[row.gid for row in rows],
            users=[row.user for row in rows],
            groups=[row.group for row in rows],
            mtimes=[row.mtime for row in rows],
            sizes=[row.size for row in rows],
            entry_digests=[row.digest for row in rows],
            xattrs=[row.xattrs for row in rows],
            first_chunks=[row.first_chunk for row in rows],
        )

    def extend_by_column(self, texts: Sequence[bytes], **columns: Sequence[int]) -> None:
        """Append entries, whose values come by the names of their columns: all of them but `text` and `text_ends`."""
        ends = list(accumulate(map(len, texts), initial=len(self._text)))[1:]
        self._text.frombytes(b"".join(texts))
        self._extend(text_ends=ends, **columns)

    def extend_chunks(self, rows: Sequence[ChunkRow]) -> None:
        """Append chunks; those of one entry stand side by side, from its `first_chunk` on."""
        self.extend_chunks_by_column(
            offsets=[row.offset for row in rows],
            inner_offsets=[row.inner_offset for row in rows],
            file_offsets=[row.file_offset for row in rows],
            chunk_sizes=[row.size for row in rows],
            chunk_digests=[row.digest for row in rows],
        )

    def extend_chunks_by_column(self, **columns: Sequence[int]) -> None:
        """Append chunks, whose values come by the names of their columns."""
        self._extend(**columns)

    def _extend(self, **columns: Sequence[int]) -> None:
        for name, values in columns.items():
            kind = COLUMN_TYPES[name]
            # Six times as fast as `extend`, which asks every value what it is.
            getattr(self, f"_{name}").frombytes(struct.pack(f"{len(values)}{kind}", *values))

    def add_digest(self, raw: bytes) -> int:
        """Position of a sha256 digest of 32 bytes; the one added last is not added twice."""
        if self._last_digest != raw:
            self._digests.frombytes(raw)
            self._last_digest = raw
        return len(self._digests) // _DIGEST_SIZE

    def add_digests(self, raw: bytes) -> int:
        """Position of the first of several digests, one after the other."""
        first = len(self._digests) // _DIGEST_SIZE + 1
        self._digests.frombytes(raw)
        self._last_digest = raw[-_DIGEST_SIZE:] or self._last_digest
        return first

    def add_name(self, name: str) -> int:
        """Position of a user's or group's name, 0 where there are too many."""
        position = self._name_positions.get(name)
        if position is None and len(self._names) <= _NAMES_LIMIT:
            position = self._name_positions[name] = len(self._names)
            self._names.append(name)
        return position or 0

    def add_xattrs(self, xattrs: Mapping[str, bytes]) -> int:
        """Position of a set of extended attributes."""
        self._packed_xattrs.frombytes(msgspec.msgpack.encode(dict(xattrs)))
        self._packed_ends.append(len(self._packed_xattrs))
        return len(self._packed_ends) - 1

    def add_boundary(self, offset: int) -> None:
        """Note that a member begins at `offset`, whoever it belongs to."""
        last = self._boundaries[-1] if self._boundaries else NONSENSE
        if offset != last:
            self._boundaries_sorted = self._boundaries_sorted and offset > last
            self._boundaries.append(offset)

    def add_boundaries(self, offsets: Sequence[int]) -> None:
        """Note that members begin at `offsets`."""
        last = self._boundaries[-1] if self._boundaries else NONSENSE
        self._boundaries_sorted = self._boundaries_sorted and all(map(le, [last, *offsets], offsets))
        self._extend(boundaries=offsets)

    def finish(self, end: int) -> None:
        """Close the columns; `end` is where the last member ends: the TOC's offset."""
        self.add_boundary(end)
        if not self._boundaries_sorted:
            self._boundaries = array("q", sorted(self._boundaries))
        self._first_chunks.append(len(self._offsets))
        self._name_positions = {}

    def replace_texts(self, texts: Mapping[int, bytes]) -> None:
        """Give the entries at these positions other names and link names."""
        renamed = array("B")
        ends = array("I")
        for position in range(len(self)):
            text = texts.get(position)
            renamed.frombytes(self.text(position) if text is None else text)
            ends.append(len(renamed))
        self._text, self._text_ends = renamed, ends

    # Reading

    @property
    def parts(self) -> Mapping[str, Any]:
        """The columns after `finish`, by name, each of its type in COLUMN_TYPES, as they were made."""
        return {name: getattr(self, f"_{name}") for name in COLUMN_TYPES}

    @property
    def owner_names(self) -> Sequence[str]:
        """Names of users and groups, by position."""
        return self._names

    @classmethod
    def of_parts(cls, parts: Mapping[str, memoryview], owner_names: Sequence[str], *, outline_id: str = "") -> Columns:
        """Finished columns over memory that stays as it is: what `parts` and `owner_names` were."""
        columns = cls()
        columns.outline_id = outline_id
        for name in COLUMN_TYPES:
            setattr(columns, f"_{name}", parts[name])
        columns._names = list(owner_names)
        return columns

    def text(self, position: int) -> bytes:
        """Name of an entry, with NUL and link name where it has one."""
        start = self._text_ends[position - 1] if position else 0
        return bytes(self._text[start : self._text_ends[position]])

    def kind(self, position: int) -> Kind:
        """Kind of an entry."""
        kind: int = self._kinds[position]
        return KINDS[kind]

    def size(self, position: int) -> int:
        """Bytes of an entry's content, or NONSENSE."""
        size: int = self._sizes[position]
        return size

    def digest_position(self, position: int) -> int:
        """Position of the digest of an entry's whole content, NO_DIGEST or BAD_DIGEST."""
        digest: int = self._entry_digests[position]
        return digest

    def chunk_rows(self, position: int) -> range:
        """Rows of an entry's chunks."""
        return range(self._first_chunks[position], self._first_chunks[position + 1])

    def chunk_row(self, row: int) -> ChunkRow:
        """One chunk, as stored."""
        return ChunkRow(
            self._offsets[row],
            self._inner_offsets[row],
            self._file_offsets[row],
            self._chunk_sizes[row],
            self._chunk_digests[row],
        )

    def is_shared(self, row: int) -> bool:
        """True if the chunk's member holds other chunks too: then they stand beside it in any sane TOC."""
        offset, offsets = self._offsets[row], self._offsets
        if offset == ZEROS:
            return False
        if self._inner_offsets[row] > 0 or (row and offsets[row - 1] == offset):
            return True
        return row + 1 < len(offsets) and offsets[row + 1] == offset

    def member_end(self, offset: int) -> int:
        """Where the member that begins at `offset` ends: the next boundary. In no order of the TOC to rely on."""
        following = bisect_right(self._boundaries, offset)
        return self._boundaries[min(following, len(self._boundaries) - 1)]

    def digest(self, position: int) -> Digest | None:
        """The digest at a position of `digests`; None for NO_DIGEST and BAD_DIGEST."""
        return None if position in _NO_DIGESTS else Digest("sha256", self._digest_hex(position))

    def entry(self, position: int) -> Entry:
        """The entry at a position from 0 on."""
        kind = self.kind(position)
        name, _, link_name = self.text(position).decode("utf-8", "surrogateescape").partition("\0")
        is_reg = kind is Kind.REG
        return Entry(
            name=name,
            kind=kind,
            size=max(0, self._sizes[position]) if is_reg else 0,
            mode=self._modes[position],
            uid=self._uids[position],
            gid=self._gids[position],
            user_name=self._names[self._users[position]],
            group_name=self._names[self._groups[position]],
            mtime=_mtime(self._mtimes[position]),
            link_name=link_name if kind in _LINKS else "",
            digest=self.digest(self._entry_digests[position]) if is_reg else None,
            xattrs=self._unpacked_xattrs(self._xattrs[position]),
        )

    def stat(self, position: int) -> Stat:
        """What listings show of the entry at a position from 0 on."""
        is_reg = self._kinds[position] == _REG
        size, digest = (self._sizes[position], self._entry_digests[position]) if is_reg else (0, NO_DIGEST)
        microseconds, xattrs = self._mtimes[position], self._xattrs[position]
        return Stat(
            size if size >= 0 else 0,
            self._modes[position],
            None if microseconds == NO_MTIME else microseconds // 1_000_000,
            "" if digest in _NO_DIGESTS else f"sha256:{self._digest_hex(digest)}",
            self._unpacked_xattrs(xattrs) if xattrs else EMPTY,
        )

    def outline(self) -> Iterator[Outline]:
        """Names and kinds of some entries at a time, straight off the columns."""
        for first in range(0, len(self), OUTLINED):
            kinds = list(map(KINDS.__getitem__, self._kinds[first : first + OUTLINED]))
            names = [text.partition("\0")[0] for text in self._texts(first, first + OUTLINED)]
            yield Outline(names, kinds)
            let_go(self._text)

    def _texts(self, first: int, end: int) -> list[str]:
        """Texts of the entries `[first, end)`, decoded at once where they are ASCII."""
        start = self._text_ends[first - 1] if first else 0
        ends = [each - start for each in self._text_ends[first:end]]
        block = bytes(self._text[start : start + ends[-1]])
        if block.isascii():
            text = block.decode("ascii")
            return [text[before:after] for before, after in pairwise([0, *ends])]
        return [block[before:after].decode("utf-8", "surrogateescape") for before, after in pairwise([0, *ends])]

    def _digest_hex(self, position: int) -> str:
        return bytes(self._digests[(position - 1) * _DIGEST_SIZE : position * _DIGEST_SIZE]).hex()

    def _unpacked_xattrs(self, position: int) -> Mapping[str, bytes]:
        if not position:
            return EMPTY
        packed = self._packed_xattrs[self._packed_ends[position - 1] : self._packed_ends[position]]
        return msgspec.msgpack.decode(packed, type=dict[str, bytes])


def _mtime(microseconds: int) -> datetime | None:
    return None if microseconds == NO_MTIME else EPOCH + timedelta(microseconds=microseconds)
