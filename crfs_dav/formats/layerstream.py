"""The tar of a layer as it is written anew: without what an eStargz writer added, sparse files expanded.

A sparse file becomes a regular one that holds its zeros, as Go's archive/tar has it, on which most tools of images
stand: no TOC and few unpackers know of holes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO, TypeVar

from crfs_dav.archive import Kind
from crfs_dav.errors import Corrupt, OverLimit
from crfs_dav.formats.estargz import HIDDEN, TOC_NAME
from crfs_dav.formats.limits import DEFAULT_LIMITS
from crfs_dav.formats.sparse import SparseMap
from crfs_dav.formats.tarstream import BLOCK, TarHeader, TarStream
from crfs_dav.formats.tarwriter import header_bytes

LANDMARK_CONTENT = b"\x0f"
_PEEK = 64  # bytes of a TOC that show that it is one
_T = TypeVar("_T")


class LayerStream(TarStream):
    """A tar stream that says at which entry it broke; `limit` bounds the bytes of all its sparse files."""

    def __init__(self, tar: BinaryIO, *, limit: int = DEFAULT_LIMITS.content) -> None:
        super().__init__(tar)
        self._last = ""
        self._limit = limit
        self._expanding: _Expanding | None = None

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
        self._expanding = None
        while (header := self._named(super().next)) is not None:
            self._last = header.name
            if header.flaw:
                raise Corrupt(f"tar entry {header.name[:200]!r}: {header.flaw}")
            if header.name.removeprefix("./").removeprefix("/") not in HIDDEN:
                return header if header.sparse is None else self._expanded(header, header.sparse)
            self._check_writers_own(header)
        return None

    def read(self, size: int) -> bytes:
        """As TarStream's; of a sparse file, with its zeros."""
        if self._expanding is not None:
            return self._expanding.read(size)
        return self._read_stored(size)

    def read_padding(self) -> bytes:
        """As TarStream's."""
        stored = super().read_padding()
        return stored if self._expanding is None else bytes(-self._expanding.size % BLOCK)

    def _expanded(self, header: TarHeader, sparse: SparseMap) -> TarHeader:
        self._limit -= sparse.size
        if self._limit < 0:
            raise OverLimit(f"tar entry {header.name[:200]!r}: sparse, {sparse.size} bytes; expected fewer in all")
        self._expanding = _Expanding(sparse, self._read_stored)
        plain = replace(header, size=sparse.size, sparse=None)
        return replace(plain, raw=header_bytes(plain))

    def _read_stored(self, size: int) -> bytes:
        read = super().read
        return self._named(lambda: read(size))

    def _named(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except Corrupt as error:
            place = f", at or after the entry {self._last[:200]!r}" if self._last else ""
            raise Corrupt(f"{error}{place}") from None

    def _check_writers_own(self, header: TarHeader) -> None:
        """Nothing; raises Corrupt for somebody's own file of a name that eStargz needs: readers would hide it."""
        head = self.read(_PEEK) if header.kind is Kind.REG else b""
        is_toc = header.name.endswith(TOC_NAME)
        if not (head.lstrip().startswith(b"{") and b'"version"' in head if is_toc else head == LANDMARK_CONTENT):
            raise Corrupt(f"tar entry {header.name!r}: a name that eStargz keeps for itself; expected another")


class _Expanding:
    """A sparse file being read from its start to its end; `stored` gives the bytes of its pieces, in order."""

    def __init__(self, sparse: SparseMap, stored: Callable[[int], bytes]) -> None:
        self.size = sparse.size
        self._stored = stored
        self._pieces = deque(sparse.pieces)
        self._offset = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes, fewer only at the end; raises Corrupt."""
        end = min(self._offset + size, self.size)
        found = bytearray()
        while self._pieces and self._pieces[0].file_offset < end:
            piece = self._pieces[0]
            found += bytes(max(0, piece.file_offset - self._offset - len(found)))
            skipped = self._offset + len(found) - piece.file_offset
            found += self._stored(min(piece.size - skipped, end - self._offset - len(found)))
            if self._offset + len(found) < piece.file_offset + piece.size:
                break
            self._pieces.popleft()
        found += bytes(end - self._offset - len(found))
        self._offset = end
        return bytes(found)
