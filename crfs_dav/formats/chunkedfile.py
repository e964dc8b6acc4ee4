"""The content of one file, put together from its chunks; what leaves here is verified. Any thread may read."""

from __future__ import annotations

from collections.abc import Sequence

from crfs_dav.errors import Corrupt
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.chunks import Chunk, covering, plan
from crfs_dav.formats.limits import MIB

_FETCH_AHEAD = 24 * MIB  # bytes of content whose chunks are fetched before a reader comes to them
_UNPACK_AHEAD = 8 * MIB  # and of those that are unpacked before


class ChunkedFile:
    """A `ReaderAt` over the content of one file."""

    def __init__(self, name: str, size: int, chunks: Sequence[Chunk], loader: ChunkLoader) -> None:
        self._name = name
        self._size = size
        self._chunks = chunks
        self._loader = loader
        self._expected_end = 0  # of what will be read
        self._fetched_to = 0  # what follows up to the expected end has not been asked for yet,
        self._unpacked_to = 0  # or given to no other thread

    def expecting(self, end: int) -> ChunkedFile:
        """The same file, for one who reads on up to `end`: what comes next is fetched and unpacked meanwhile."""
        file = ChunkedFile(self._name, self._size, self._chunks, self._loader)
        file._expected_end = min(end, self._size)
        return file

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)` of the file, verified, fewer only at the end. Raises Corrupt."""
        size = min(size, self._size - offset)
        if size <= 0:
            return b""
        try:
            self._look_ahead(offset, offset + size)
            parts = self._parts(offset, size)
        except Corrupt as error:
            raise Corrupt(f"file {self._name!r}: {error}") from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def kept_start(self, size: int) -> bytes:
        """The first bytes, at most `size` of them, as far as their chunks are kept."""
        parts: list[bytes] = []
        for chunk in covering(self._chunks, 0, min(size, self._size)):
            data = self._loader.kept(chunk)
            if data is None:
                break
            parts.append(data[:size])
        return b"".join(parts)[:size]

    def _parts(self, offset: int, size: int) -> list[bytes]:
        """Bytes of each chunk that fall in `[offset, offset+size)`, in order."""
        parts: dict[int, bytes] = {}
        missing: list[Chunk] = []
        for chunk in covering(self._chunks, offset, size):
            if chunk.is_zeros:
                parts[chunk.file_offset] = _zeros(chunk, offset, size)
                continue
            data = self._loader.kept(chunk)
            parts[chunk.file_offset] = _within(chunk, data or b"", offset, size)
            if data is None:
                missing.append(chunk)
        for run in plan(missing, offset, size):
            for chunk, data in zip(run.chunks, self._loader.load(run), strict=True):
                parts[chunk.file_offset] = _within(chunk, data, offset, size)
        return list(parts.values())

    def _look_ahead(self, start: int, end: int) -> None:
        """Have more fetched and unpacked while who reads `[start, end)` is busy with that."""
        if end >= self._expected_end:
            return
        if self._fetched_to - end <= _FETCH_AHEAD // 2:
            chunks = self._coming(max(start, self._fetched_to), start + _FETCH_AHEAD)
            for run in plan(chunks, 0, self._size) if len(chunks) > 1 or self._fetched_to else ():
                self._loader.fetch(run)
            self._fetched_to = max(self._fetched_to, start + _FETCH_AHEAD)
        for chunk in self._coming(max(end, self._unpacked_to), end + _UNPACK_AHEAD):
            if chunk.file_offset >= end and not self._loader.unpack(chunk):
                return
            self._unpacked_to = chunk.file_offset + chunk.size

    def _coming(self, start: int, end: int) -> list[Chunk]:
        """Chunks of `[start, end)` that are expected to be read, and not kept."""
        chunks = covering(self._chunks, start, min(end, self._expected_end) - start)
        return [chunk for chunk in chunks if not chunk.is_zeros and self._loader.kept(chunk) is None]


def _zeros(chunk: Chunk, offset: int, size: int) -> bytes:
    return bytes(min(offset + size, chunk.file_offset + chunk.size) - max(offset, chunk.file_offset))


def _within(chunk: Chunk, data: bytes, offset: int, size: int) -> bytes:
    return data[max(0, offset - chunk.file_offset) : offset + size - chunk.file_offset]
