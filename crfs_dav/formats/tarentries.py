"""A tar read from its start to its end, as columns; and the archive that these and the tar's bytes make."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from crfs_dav.archive import Entry, Kind, Outline, Stat
from crfs_dav.errors import Corrupt, OverLimit
from crfs_dav.formats.columns import EPOCH, KINDS, NO_DIGEST, NONSENSE, ChunkRow, Columns, Row
from crfs_dav.formats.entrylist import EntryList
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.progress import to_nobody
from crfs_dav.formats.sparse import Piece, SparseReader
from crfs_dav.formats.tarstream import TarHeader, TarStream
from crfs_dav.names import Digest
from crfs_dav.readers import BytesReader, ReaderAt, Section

logger = logging.getLogger(__name__)

_BATCH = 1024  # entries
_MIN_MTIME = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
_MAX_MTIME = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


class PieceStream(io.RawIOBase):
    """Pieces of bytes as a file to read from its start to its end; knows how far it was read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._piece = memoryview(b"")
        self.offset = 0

    def readable(self) -> bool:
        """True: that is all it does."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, fewer only at the end."""
        found: list[memoryview] = []
        missing = size
        while missing:
            if not self._piece:
                self._piece = memoryview(next(self._pieces, b""))
                if not self._piece:
                    break
            found.append(self._piece[:missing])
            self._piece = self._piece[missing:]
            missing -= len(found[-1])
        self.offset += size - missing
        return b"".join(found)

    def drain(self) -> None:
        """Read to the end."""
        while self.read(MIB):
            pass


def scan_tar(
    stream: PieceStream, limits: Limits, *, columns: Columns | None = None, tell: Callable[[bytes], None] = to_nobody
) -> Columns:
    """Entries of the tar in `stream`, each file's digest, and where in the tar its content lies; raises Corrupt.

    What a TOC would leave out for its name is left out here too; a tar of more than is allowed raises Corrupt.
    They go into `columns`, where these are given. `tell` hears the name of each entry, of directories with a slash.
    """
    tar = TarStream(stream)  # type: ignore[arg-type]  # it is only read
    return TarScan(tar, stream, limits, columns=columns, tell=tell).run()


class Stream(Protocol):
    """What a tar is read from."""

    offset: int  # of the next byte


class TarScan:
    """One reading of a tar, header by header, into columns."""

    def __init__(
        self,
        tar: TarStream,
        stream: Stream,
        limits: Limits,
        *,
        columns: Columns | None = None,
        tell: Callable[[bytes], None] = to_nobody,
    ) -> None:
        self._tar = tar
        self._tell = tell
        self._stream = stream
        self._limits = limits
        self._columns = Columns() if columns is None else columns
        self._rows: list[Row] = []
        self._chunks: list[ChunkRow] = []
        self._chunk_count = 0
        self._flaws = 0
        self._first_flaw = ""

    def run(self) -> Columns:
        """The columns of the whole tar; raises Corrupt."""
        while (header := self._tar.next()) is not None:
            self._add(header)
        return self._finish()

    def content_digest(self, header: TarHeader) -> int:
        """Position in the columns of the digest of the payload, which is read for it."""
        content = self._read_content(header.size)
        is_plain = header.kind is Kind.REG and not header.flaw and header.sparse is None
        return self._columns.add_digest(content) if is_plain else NO_DIGEST

    def _add(self, header: TarHeader) -> None:
        start = self._stream.offset
        digest = self.content_digest(header)
        if header.flaw:
            self._flaws += 1
            self._first_flaw = self._first_flaw or f"{header.name[:200]!r}: {header.flaw}"
        name = header.name.encode("utf-8", "surrogateescape")
        link = header.link_name.encode("utf-8", "surrogateescape")
        if self._is_unfit(name, link):
            return
        self._tell(name + b"/" if header.kind is Kind.DIR else name)
        is_link = header.kind in (Kind.SYMLINK, Kind.HARDLINK)
        self._rows.append(self._row(header, name + b"\0" + link if is_link and link else name, digest))
        for piece in () if header.flaw else _pieces(header):
            self._chunks.append(ChunkRow(start + piece.stored_offset, 0, piece.file_offset, piece.size, digest))
            self._chunk_count += 1
        if len(self._rows) == _BATCH:
            self._flush()

    def _finish(self) -> Columns:
        self._flush()
        self._columns.finish(self._stream.offset)
        if self._flaws:
            logger.warning("tar: %d files cannot be read, the first is %s", self._flaws, self._first_flaw)
        return self._columns

    def _read_content(self, size: int) -> bytes:
        content = hashlib.sha256()
        while size:
            part = self._tar.read(min(size, MIB))
            content.update(part)
            size -= len(part)
        return content.digest()

    def _is_unfit(self, name: bytes, link: bytes) -> bool:
        limits = self._limits
        components = name.split(b"/")
        longest = max(map(len, components))
        too_long = len(name) > limits.name or len(link) > limits.name or longest > limits.component
        return not name or too_long or len(components) > limits.depth

    def _row(self, header: TarHeader, text: bytes, digest: int) -> Row:
        mtime = header.mtime.numerator * 1_000_000 // header.mtime.denominator  # Fraction's own way is slow
        xattrs = {_utf8(key): value for key, value in header.xattrs.items() if not key.startswith("trusted.overlay.")}
        size = sum(len(key) + len(value) for key, value in xattrs.items())
        return Row(
            text=text,
            kind=KINDS.index(header.kind),
            size=_content_size(header),
            mode=header.mode,
            uid=header.uid & 0xFFFF_FFFF,
            gid=header.gid & 0xFFFF_FFFF,
            user=self._columns.add_name(_utf8(header.user_name[:255])),
            group=self._columns.add_name(_utf8(header.group_name[:255])),
            mtime=min(max(mtime, _MIN_MTIME), _MAX_MTIME),
            digest=digest,
            xattrs=self._columns.add_xattrs(xattrs) if xattrs and size <= self._limits.xattrs else 0,
            first_chunk=self._chunk_count,
        )

    def _flush(self) -> None:
        columns, limits = self._columns, self._limits
        columns.extend(self._rows)
        columns.extend_chunks(self._chunks)
        self._rows, self._chunks = [], []
        if len(columns) > limits.entries:
            raise OverLimit(f"tar: more than {limits.entries} entries; expected fewer")
        if columns.text_size > limits.text_in_all or columns.xattrs_size > limits.xattrs_in_all:
            raise OverLimit(f"tar: {columns.text_size} bytes of names; expected fewer, and fewer of xattrs")


def _utf8(text: str) -> str:
    """`text` with U+FFFD for bytes that are not UTF-8: names of owners and attributes have to be text."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _pieces(header: TarHeader) -> Sequence[Piece]:
    if header.sparse is not None:
        return header.sparse.pieces
    return (Piece(0, header.size, 0),) if header.size else ()


def _content_size(header: TarHeader) -> int:
    if header.flaw:
        return NONSENSE
    return header.size if header.sparse is None else header.sparse.size


class TarArchive:
    """Entries of a tar, from its columns, and contents, from its bytes. Immutable, for any thread."""

    def __init__(self, columns: Columns, content: ReaderAt, diff_id: Digest | None = None) -> None:
        self.diff_id = diff_id
        self._columns = columns
        self._content = content
        self._entries = EntryList(columns)

    @property
    def outline_id(self) -> str:
        """What tells its outline from any other of the layer, `""` where it is kept nowhere."""
        return self._columns.outline_id

    @property
    def entries(self) -> Sequence[Entry]:
        """Entries in archive order, each made when asked for."""
        return self._entries

    def outline(self) -> Iterator[Outline]:
        """Names and kinds in the order of `entries`, some at a time."""
        return self._columns.outline()

    def stat(self, position: int) -> Stat:
        """What listings show of the entry at `position`."""
        return self._columns.stat(position)

    def open(self, position: int) -> ReaderAt:
        """Content of the reg at `position`, a part of the tar's; raises Corrupt for what is no reg."""
        position = range(len(self._columns))[position]
        if self._columns.kind(position) is not Kind.REG:
            raise Corrupt(f"kind: {self._columns.kind(position).value}; expected reg")
        size = self._columns.size(position)
        if size == NONSENSE:
            name = self._entries[position].name
            raise Corrupt(f"file {name[:200]!r}: a map or a type that cannot be read; expected a plain file")
        chunks = [self._columns.chunk_row(row) for row in self._columns.chunk_rows(position)]
        if len(chunks) == 1 and chunks[0].size == size:
            return Section(self._content, chunks[0].offset, size)
        pieces = [Piece(chunk.file_offset, chunk.size, chunk.offset) for chunk in chunks]
        return SparseReader(self._content, size, pieces) if size else BytesReader(b"")
