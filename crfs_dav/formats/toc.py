"""TOC entries to columns: numbers checked, names bounded, chunks given to the file directly before them.

Specification: stargz-snapshotter `docs/estargz.md`, "TOC"; google/crfs `stargz/stargz.go`, `TOCEntry`. A TOC that
breaks a limit of the whole raises Corrupt; one bad entry is left out, one bad number spoils only its own file
(it becomes NONSENSE, and opening that file fails).
"""

from __future__ import annotations

import logging
import posixpath
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, repeat
from typing import cast

from crfs_dav.errors import OverLimit
from crfs_dav.formats.columns import (
    BAD_DIGEST,
    NO_DIGEST,
    NONSENSE,
    ZEROS,
    ChunkRow,
    Columns,
    Row,
)
from crfs_dav.formats.limits import DEFAULT_LIMITS, Limits
from crfs_dav.formats.tocbatch import INT_LIMIT, KIND_POSITIONS, LINKS, REG, REPLACEMENT, Batch, Rules, ordinary_batch
from crfs_dav.formats.tocjson import TocEntry, parse_entries
from crfs_dav.formats.tocvalues import (
    checked,
    decoded_xattrs,
    link_name_flaw,
    name_flaw,
    padded,
    parse_modtime,
    raw_digest,
)

logger = logging.getLogger(__name__)

_DIGEST_SIZE = 32
_OWNER_MASK = 0xFFFF_FFFF
_MEMO_LIMIT = 1 << 16
_FEW = 32  # entries that are taken one by one where one of them is odd


@dataclass
class OddNames:
    """Entries whose name or link name holds U+FFFD, and where their tar headers are to be found.

    The header of `positions[i]` lies in the member that begins at blob offset `members[i]`, somewhere after
    `inner_offsets[i]` of its content.
    """

    positions: array[int] = field(default_factory=lambda: array("I"))
    members: array[int] = field(default_factory=lambda: array("q"))
    inner_offsets: array[int] = field(default_factory=lambda: array("q"))


@dataclass
class Toc:
    """A TOC read: its columns, and what is odd in it."""

    columns: Columns
    odd_names: OddNames
    skipped: int = 0  # entries left out
    first_skipped: str = ""  # name of the first, and why


def load_toc(
    pieces: Iterable[bytes], end: int, *, hidden: frozenset[str] = frozenset(), limits: Limits = DEFAULT_LIMITS
) -> Toc:
    """The TOC whose JSON comes in `pieces`; raises Corrupt.

    `end` is the blob offset where the last member ends. Entries named in `hidden` at the archive's root are the
    format's own, and are left out.
    """
    intake = _Intake(end, hidden, limits)
    for batch in parse_entries(pieces):
        intake.add(batch)
    intake.toc.columns.finish(end)
    return intake.toc


class _Intake:
    """State that goes from one entry to the next while a TOC is read."""

    def __init__(self, end: int, hidden: frozenset[str], limits: Limits) -> None:
        self.toc = Toc(Columns(), OddNames())
        self._end = end
        self._hidden = hidden
        self._hidden_endings = tuple(name.encode() for name in hidden)
        self._rules = Rules(end, self._hidden_endings, limits)
        self._limits = limits
        self._rows: list[Row] = []
        self._chunk_rows: list[ChunkRow] = []
        self._entry_count = 0
        self._chunk_count = 0
        self._user_names: dict[int, int] = {}
        self._group_names: dict[int, int] = {}
        self._mtimes: dict[str, int] = {"": 0}
        self._xattrs: dict[tuple[tuple[str, str | None], ...], int] = {}
        self._last_digest = ("", NO_DIGEST)
        self._size = 0  # of the reg that chunks now belong to
        self._file_chunks = 0  # chunks of that reg so far
        self._is_open = False  # True while chunks belong to an entry that is kept
        self._content_end = 0  # where that reg's content ends in the blob, where the TOC says so
        self._header_member = 0  # member that holds the next tar header,
        self._header_inner_offset = 0  # and where in its content

    def add(self, entries: list[TocEntry]) -> None:
        """Take in one batch."""
        self._entry_count += len(entries)
        if self._entry_count > self._limits.entries:
            raise OverLimit(f"TOC: more than {self._limits.entries} entries; expected fewer")
        self._add(entries)
        columns = self.toc.columns
        if columns.text_size > self._limits.text_in_all:
            raise OverLimit(f"TOC: more than {self._limits.text_in_all} bytes of names; expected fewer")
        if columns.xattrs_size > self._limits.xattrs_in_all:
            raise OverLimit(f"TOC: more than {self._limits.xattrs_in_all} bytes of xattrs; expected fewer")

    def _add(self, entries: list[TocEntry]) -> None:
        """All at once where nothing is odd; else by halves, down to a few that are taken one by one."""
        batch = ordinary_batch(entries, self._rules)
        if batch is not None:
            self._add_batch(batch)
            self._follow(entries, batch)
        elif len(entries) > _FEW:
            middle = len(entries) // 2
            self._add(entries[:middle])
            self._add(entries[middle:])
        else:
            self._add_each(entries)

    def _add_batch(self, batch: Batch) -> None:
        columns, fields = self.toc.columns, batch.fields
        digests = batch.digest_positions(columns.add_digests(batch.digests))
        chunks_before = accumulate(batch.has_chunk, initial=self._chunk_count)
        columns.extend_by_column(
            batch.texts,
            kinds=batch.kinds,
            sizes=batch.sizes,
            modes=[mode & 0o7777 for mode in fields.mode],
            uids=_owner_numbers(fields.uid),
            gids=_owner_numbers(fields.gid),
            users=self._owners(self._user_names, fields.uid, fields.user_name),
            groups=self._owners(self._group_names, fields.gid, fields.group_name),
            mtimes=self._mtimes_of(fields.modtime),
            entry_digests=digests,
            xattrs=[self._xattrs_position(xattrs) if xattrs else 0 for xattrs in fields.xattrs],
            first_chunks=list(islice(chunks_before, len(batch.kinds))),
        )
        self._add_chunks(batch, digests)

    def _add_chunks(self, batch: Batch, digests: list[int]) -> None:
        columns = self.toc.columns
        offsets = batch.of_chunks(batch.fields.offset)
        columns.extend_chunks_by_column(
            offsets=offsets,
            inner_offsets=batch.of_chunks(batch.fields.inner_offset),
            file_offsets=[0] * len(offsets),
            chunk_sizes=batch.chunk_sizes(),
            chunk_digests=batch.chunk_digest_positions(digests),
        )
        columns.add_boundaries(batch.boundaries)
        self._chunk_count += len(offsets)

    def _follow(self, entries: list[TocEntry], batch: Batch) -> None:
        """Be as after taking the entries of `batch` one by one."""
        if True in batch.has_chunk:
            last = entries[len(entries) - 1 - batch.has_chunk[::-1].index(True)]
            self._begin(last, REG)
            self._expect_header(last.offset, -last.inner_offset)
        self._begin(entries[-1], batch.kinds[-1])
        self._file_chunks = int(batch.has_chunk[-1])
        self._is_open = True

    def _add_each(self, entries: list[TocEntry]) -> None:
        for entry in entries:
            if entry.type == "chunk":
                self._add_chunk(entry)
            else:
                self._add_entry(entry)
        self.toc.columns.extend(self._rows)
        self.toc.columns.extend_chunks(self._chunk_rows)
        self._rows, self._chunk_rows = [], []

    def _add_entry(self, entry: TocEntry) -> None:
        kind = KIND_POSITIONS.get(entry.type, NONSENSE)
        name = entry.name.encode()
        link_name = entry.link_name.encode() if kind in LINKS else b""
        self._is_open = self._keeps(entry, kind, name, link_name)
        if self._is_open:
            text = name + b"\0" + link_name if link_name else name
            self._rows.append(self._row(entry, kind, text))
            if REPLACEMENT in text:
                self._note_odd_name()
        self._begin(entry, kind)
        if self._content_end:
            self.toc.columns.add_boundary(self._content_end)
        if kind == REG and entry.offset and self._size:
            self._add_chunk(entry)

    def _begin(self, entry: TocEntry, kind: int) -> None:
        """Chunks belong to `entry` from now on."""
        is_reg = kind == REG
        self._size = checked(entry.size) if is_reg else 0
        self._file_chunks = 0
        self._content_end = entry.end_offset if is_reg and 0 < entry.end_offset < self._end else 0

    def _expect_header(self, offset: int, content_offset: int) -> None:
        """Note where the next tar header is, behind the chunk whose member begins at `offset`.

        `content_offset` is where the file's first byte would be, counted backwards from the member's start.
        """
        self._header_member = self._content_end or offset
        ahead = padded(self._size) - (self._size if self._content_end else content_offset)
        self._header_inner_offset = min(max(0, ahead), INT_LIMIT)

    def _keeps(self, entry: TocEntry, kind: int, name: bytes, link_name: bytes) -> bool:
        """True unless the entry is the format's own, or one that nobody could show."""
        if name.endswith(self._hidden_endings) and posixpath.normpath("/" + entry.name).lstrip("/") in self._hidden:
            return False
        flaw = "type" if kind == NONSENSE else name_flaw(name, self._limits) or link_name_flaw(link_name, self._limits)
        if flaw:
            self.toc.skipped += 1
            self.toc.first_skipped = self.toc.first_skipped or f"{entry.name[:150]!r} {flaw}"
        return not flaw

    def _row(self, entry: TocEntry, kind: int, text: bytes) -> Row:
        return Row(
            text=text,
            kind=kind,
            size=checked(entry.size) if kind == REG else 0,
            mode=entry.mode & 0o7777,
            uid=entry.uid & _OWNER_MASK,
            gid=entry.gid & _OWNER_MASK,
            user=self._owner(self._user_names, entry.uid, entry.user_name),
            group=self._owner(self._group_names, entry.gid, entry.group_name),
            mtime=self._mtime(entry.modtime),
            digest=self._digest(entry.digest) if kind == REG else NO_DIGEST,
            xattrs=self._xattrs_position(entry.xattrs) if entry.xattrs else 0,
            first_chunk=self._chunk_count,
        )

    def _add_chunk(self, entry: TocEntry) -> None:
        """Note a piece of content; it belongs to the entry directly before it, whatever it is called."""
        offset = entry.offset if 0 < entry.offset < self._end else NONSENSE
        inner_offset, file_offset = checked(entry.inner_offset), checked(entry.chunk_offset)
        size = checked(entry.chunk_size) or self._size - file_offset
        if offset != NONSENSE:
            self.toc.columns.add_boundary(offset)
            self._expect_header(offset, file_offset - inner_offset)
        if entry.chunk_type == "zeros":
            offset = ZEROS
        self._file_chunks += 1
        if self._is_open and self._file_chunks <= self._limits.chunks:
            digest = self._digest(entry.chunk_digest)
            self._chunk_rows.append(ChunkRow(offset, inner_offset, file_offset, max(size, NONSENSE), digest))
            self._chunk_count += 1

    def _note_odd_name(self) -> None:
        odd = self.toc.odd_names
        if len(odd.positions) < self._limits.repairs:
            odd.positions.append(len(self.toc.columns) + len(self._rows) - 1)
            odd.members.append(self._header_member)
            odd.inner_offsets.append(self._header_inner_offset)

    def _owner(self, names: dict[int, int], number: int, name: str) -> int:
        """Position of the name of user or group `number`: the TOC says it only where it changes."""
        if name and len(name) <= self._limits.component and (number in names or len(names) < _MEMO_LIMIT):
            names[number] = self.toc.columns.add_name(name)
        return names.get(number, 0)

    def _owners(self, names: dict[int, int], numbers: Sequence[int], said: Sequence[str]) -> list[int]:
        if any(said):
            return [self._owner(names, number, name) for number, name in zip(numbers, said, strict=True)]
        return list(map(names.get, numbers, repeat(0))) if names else [0] * len(numbers)

    def _digest(self, text: str) -> int:
        """Position of a digest in the columns; a file's and its only chunk's are alike, so the last is kept."""
        if not text:
            return NO_DIGEST
        if text != self._last_digest[0]:
            raw = raw_digest(text)
            self._last_digest = (text, self.toc.columns.add_digest(raw) if raw else BAD_DIGEST)
        return self._last_digest[1]

    def _mtimes_of(self, texts: Sequence[str]) -> Sequence[int]:
        known = list(map(self._mtimes.get, texts))
        if None in known:
            return list(map(self._mtime, texts))
        return cast("list[int]", known)

    def _mtime(self, text: str) -> int:
        mtime = self._mtimes.get(text)
        if mtime is None:
            if len(self._mtimes) >= _MEMO_LIMIT:
                self._mtimes = {"": 0}
            mtime = self._mtimes[text] = parse_modtime(text)
        return mtime

    def _xattrs_position(self, xattrs: Mapping[str, str | None]) -> int:
        """Position of a set of extended attributes; most sets of a layer are alike (SELinux labels)."""
        key = tuple(xattrs.items())
        position = self._xattrs.get(key)
        if position is None:
            values = decoded_xattrs(xattrs, self._limits.xattrs)
            position = self.toc.columns.add_xattrs(values) if values else 0
            if len(self._xattrs) < 1024:
                self._xattrs[key] = position
        return position


def _owner_numbers(numbers: Sequence[int]) -> Sequence[int]:
    is_usual = min(numbers) >= 0 and max(numbers) <= _OWNER_MASK
    return numbers if is_usual else [number & _OWNER_MASK for number in numbers]
