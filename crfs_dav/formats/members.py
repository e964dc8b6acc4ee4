"""A tar cut into what is packed by itself: the members of a gzip blob, the frames of a zstd one.

    member  = headers up to the first payload
    member  = payload (at most one chunk) | padding, and the headers up to the next payload      once a chunk

Where a least size is asked for, payloads share a member until it is reached; the TOC then says how deep each begins
(`innerOffset`, stargz-snapshotter `docs/estargz.md`). Tar headers pass through byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, TypeVar

from crfs_dav.archive import Kind
from crfs_dav.errors import Corrupt
from crfs_dav.formats.estargz import HIDDEN, TOC_NAME
from crfs_dav.formats.tarstream import BLOCK, TarHeader, TarStream
from crfs_dav.formats.tocwriter import Row, Rows
from crfs_dav.formats.writing import Format, WriteOptions
from crfs_dav.names import digest_of

LANDMARK = ".prefetch.landmark"
NO_LANDMARK = ".no.prefetch.landmark"
_LANDMARK_CONTENT = b"\x0f"
_EMPTY_DIGEST = str(digest_of(b""))
_HEADERS_LIMIT = 4 << 20  # bytes of headers in one member: a layer may hold a million directories
_PEEK = 64  # bytes of a TOC that show that it is one
_T = TypeVar("_T")


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
    own = _Source(tar)
    cutter = _Cutter(rows, options)
    if options.format is Format.STARGZ:  # crfs knows no landmark, and would show it
        yield from cutter.members(own, own.headers())
    else:
        landmark = TarStream(io.BytesIO(member_bytes(LANDMARK if prioritized else NO_LANDMARK, _LANDMARK_CONTENT)))
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


class _Source(TarStream):
    """A tar stream that says at which entry it broke, without what an eStargz writer has added at its root."""

    def __init__(self, tar: BinaryIO) -> None:
        super().__init__(tar)
        self._last = ""

    def headers(self, count: int | None = None) -> Iterator[TarHeader]:
        """The next `count` headers, or all that are left; raises Corrupt."""
        while count is None or count > 0:
            header = self.next()
            if header is None:
                return
            yield header
            count = None if count is None else count - 1

    def next(self) -> TarHeader | None:
        """The next header that is the layer's own."""
        while (header := self._named(super().next)) is not None:
            self._last = header.name
            if header.flaw or header.sparse is not None:
                raise Corrupt(f"tar entry {header.name[:200]!r}: {header.flaw or 'sparse'}; expected a plain file")
            if header.name.removeprefix("./").removeprefix("/") not in HIDDEN:
                return header
            self._check_writers_own(header)
        return None

    def read(self, size: int) -> bytes:
        """As TarStream's."""
        read = super().read
        return self._named(lambda: read(size))

    def _named(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except Corrupt as error:
            place = f" at or after the entry {self._last[:200]!r}" if self._last else ""
            raise Corrupt(f"{error}{place}") from None

    def _check_writers_own(self, header: TarHeader) -> None:
        """Nothing; raises Corrupt for somebody's own file of a name that eStargz needs: readers would hide it."""
        head = self.read(_PEEK) if header.kind is Kind.REG else b""
        is_toc = header.name.endswith(TOC_NAME)
        if not (head.lstrip().startswith(b"{") and b'"version"' in head if is_toc else head == _LANDMARK_CONTENT):
            raise Corrupt(f"tar entry {header.name!r}: a name that eStargz keeps for itself; expected another")


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
