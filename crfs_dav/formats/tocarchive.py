"""A layer that a TOC describes, as an `Archive`: any format whose files are chunks in members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from crfs_dav.archive import Entry, Kind, Outline, Stat
from crfs_dav.errors import Corrupt
from crfs_dav.formats.chunkedfile import ChunkedFile
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.columns import BAD_DIGEST, NO_DIGEST, NONSENSE, ZEROS, Columns
from crfs_dav.formats.entrylist import EntryList
from crfs_dav.formats.limits import DEFAULT_LIMITS, Limits
from crfs_dav.names import Digest, digest_of
from crfs_dav.readers import BytesReader, ReaderAt

_FEW_CHUNKS = 256  # of a file, 1 GiB of it as a rule: they are made once, not at each look
_EMPTY_DIGEST = digest_of(b"")


class TocArchive:
    """Entries and contents of one layer, from its columns and its blob. Immutable, for any thread."""

    def __init__(self, columns: Columns, loader: ChunkLoader, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self._columns = columns
        self._loader = loader
        self._limits = limits
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
        """Content of the reg at `position`, verified as it is read; raises Corrupt where its chunks make no sense."""
        position = range(len(self._columns))[position]
        entry = self._columns.entry(position)
        try:
            return self._open(entry, position)
        except Corrupt as error:
            raise Corrupt(f"file {entry.name!r}: {error}") from None

    def _open(self, entry: Entry, position: int) -> ReaderAt:
        if entry.kind is not Kind.REG:
            raise Corrupt(f"kind: {entry.kind.value}; expected reg")
        size = self._columns.size(position)
        if size == NONSENSE:
            raise Corrupt("size: negative or beyond reason; expected a count of bytes")
        if size == 0:
            _check_empty(self._columns.digest_position(position), entry.digest)
            return BytesReader(b"")
        chunks: Sequence[Chunk] = ChunkList(self._columns, position)
        chunks = chunks[:] if len(chunks) <= _FEW_CHUNKS else chunks
        check_chunks(chunks, size, self._limits)
        return ChunkedFile(entry.name, size, chunks, self._loader)


class ChunkList(Sequence[Chunk]):
    """The chunks of the entry at `position`, made one by one when asked for; raises Corrupt for a malformed digest."""

    def __init__(self, columns: Columns, position: int) -> None:
        self._columns = columns
        self._rows = columns.chunk_rows(position)
        # The digest of the whole file tells something of its chunk only where that is the whole file.
        self._file_digest = columns.digest_position(position) if len(self._rows) == 1 else NO_DIGEST

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, position: int) -> Chunk: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Chunk]: ...
    def __getitem__(self, position: int | slice) -> Chunk | Sequence[Chunk]:
        rows = self._rows[position]
        return [self._chunk(row) for row in rows] if isinstance(rows, range) else self._chunk(rows)

    def _chunk(self, row: int) -> Chunk:
        chunk = self._columns.chunk_row(row)
        if chunk.offset == ZEROS:
            return Chunk(chunk.file_offset, chunk.size, ZEROS, ZEROS, is_zeros=True)
        return Chunk(
            file_offset=chunk.file_offset,
            size=chunk.size,
            start=chunk.offset,
            end=self._columns.member_end(chunk.offset),
            inner_offset=chunk.inner_offset,
            digests=self._digests(chunk.digest),
            is_shared=self._columns.is_shared(row),
        )

    def _digests(self, chunk_digest: int) -> tuple[Digest, ...]:
        positions = (chunk_digest, self._file_digest)
        if BAD_DIGEST in positions:
            raise Corrupt("digest: not sha256 and 64 hex digits; expected one that can be verified")
        return tuple(dict.fromkeys(digest for each in positions if (digest := self._columns.digest(each))))


def _check_empty(digest_position: int, digest: Digest | None) -> None:
    if digest_position != NO_DIGEST and digest != _EMPTY_DIGEST:
        raise Corrupt(f"empty file: {digest}; expected {_EMPTY_DIGEST}")


def check_chunks(chunks: Sequence[Chunk], size: int, limits: Limits) -> None:
    """Raise Corrupt unless `chunks` are sound one by one, and make up a file of `size` bytes without gap or overlap."""
    covered = 0
    for chunk in chunks:
        if chunk.file_offset != covered or chunk.size <= 0:
            raise Corrupt(f"chunk: {chunk.size} bytes at {chunk.file_offset}; expected one at {covered}")
        covered += chunk.size
        if chunk.is_zeros:
            continue
        if not 0 < chunk.start < chunk.end:
            raise Corrupt(f"chunk offset: {chunk.start}; expected one inside the blob, before the TOC")
        if chunk.inner_offset < 0 or chunk.inner_offset + chunk.size > limits.chunk:
            raise Corrupt(
                f"chunk: {chunk.size} bytes at {chunk.inner_offset} of a member; expected {limits.chunk} in all"
            )
        if chunk.is_shared and not chunk.digests:
            raise Corrupt("chunk: no digest in a member shared by files; expected a chunkDigest")
    if covered != size:
        raise Corrupt(f"chunks: {covered} bytes in all; expected {size}")
