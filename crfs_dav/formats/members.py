"""A tar cut into what is packed by itself: the members of a gzip blob, the frames of a zstd one.

    member  = headers up to the first payload
    member  = payload (at most one chunk) | padding, and the headers up to the next payload      once a chunk

Where a least size is asked for, payloads share a member until it is reached; the TOC then says how deep each begins
(`innerOffset`, stargz-snapshotter `docs/estargz.md`). Tar headers pass through byte for byte, but for
those of sparse files.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from crfs_dav.archive import Kind
from crfs_dav.formats.layerstream import LANDMARK_CONTENT, LayerStream
from crfs_dav.formats.tarstream import BLOCK, TarHeader, TarStream
from crfs_dav.formats.tocwriter import Row, Rows
from crfs_dav.formats.writing import Format, WriteOptions
from crfs_dav.names import digest_of

LANDMARK = ".prefetch.landmark"
NO_LANDMARK = ".no.prefetch.landmark"
_EMPTY_DIGEST = str(digest_of(b""))
_HEADERS_LIMIT = 4 << 20  # bytes of headers in one member: a layer may hold a million directories


@dataclass(slots=True)
class Member:
    """What is packed by itself; `chunks` are the rows whose content begins in it."""

    data: bytearray = field(default_factory=bytearray)
    rows: list[Row] = field(default_factory=list)
    chunks: list[Row] = field(default_factory=list)


def members_of(tar: BinaryIO, rows: Rows, options: WriteOptions, *, prioritized: int) -> Iterator[Member]:
    """The members of `tar`, a landmark among them behind the first `prioritized` entries; the first holds no payload.

    Another writer's landmarks and TOC are left out, and so is all after the end mark. Raises Corrupt, naming the
    entry.
    """
    own = LayerStream(tar)
    cutter = _Cutter(rows, options)
    if options.format is Format.STARGZ:  # crfs knows no landmark, and would show it
        yield from cutter.members(own, own.headers())
    else:
        landmark = TarStream(io.BytesIO(member_bytes(LANDMARK if prioritized else NO_LANDMARK, LANDMARK_CONTENT)))
        yield from cutter.members(own, own.headers(prioritized))
        yield from cutter.members(landmark, iter(landmark.next, None))
        yield cutter.rest()
        yield from cutter.members(own, own.headers())
    yield cutter.rest()


def member_bytes(name: str, data: bytes) -> bytes:
    """A file with no more about it than its name, as it stands in a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK)


class _Cutter:
    """Cuts streams that follow one another; what is left of one opens the next one's first member."""

    def __init__(self, rows: Rows, options: WriteOptions) -> None:
        self._rows = rows
        self._options = options
        self._member = Member()
        self._is_first = True  # it holds no payload: an offset of 0 would mean none

    def members(self, tar: TarStream, headers: Iterator[TarHeader]) -> Iterator[Member]:
        """Those that are complete."""
        for header in headers:
            self._member.data += header.raw
            row = self._rows.of(header)
            if header.size:
                yield from self._payload(tar, row)
                continue
            if header.kind is Kind.REG:
                row["digest"] = _EMPTY_DIGEST
            self._member.rows.append(row)
            if len(self._member.data) > _HEADERS_LIMIT + self._options.chunk_size + self._options.min_chunk_size:
                yield self.rest()

    def rest(self) -> Member:
        """The member that is open."""
        member, self._member, self._is_first = self._member, Member(), False
        return member

    def _payload(self, tar: TarStream, row: Row) -> Iterator[Member]:
        whole = hashlib.sha256()
        size, chunk_size = row["size"], self._options.chunk_size
        for offset in range(0, size, chunk_size):
            data = tar.read(chunk_size)
            at = row if offset == 0 else {"name": row["name"], "type": "chunk", "chunkOffset": offset}
            if offset + chunk_size < size:
                at["chunkSize"] = chunk_size
            chunk = hashlib.sha256(data)
            at["chunkDigest"] = f"sha256:{chunk.hexdigest()}"
            if size > chunk_size:
                whole.update(data)
            else:
                whole = chunk
            if self._is_full(row):
                yield self.rest()
            self._open(at)
            self._member.data += data
        row["digest"] = f"sha256:{whole.hexdigest()}"
        self._member.data += tar.read_padding()

    def _open(self, at: Row) -> None:
        """Have the content of `at` begin here. Its offset keeps a place among the keys: it is told later."""
        at["offset"] = 0
        if self._member.data:
            at["innerOffset"] = len(self._member.data)
        self._member.chunks.append(at)
        self._member.rows.append(at)

    def _is_full(self, row: Row) -> bool:
        """True if no further payload may begin in the open member; prefetching ends where the landmark's begins."""
        is_landmark = row["name"] in (LANDMARK, NO_LANDMARK)
        return self._is_first or is_landmark or len(self._member.data) >= self._options.min_chunk_size
