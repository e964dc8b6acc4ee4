"""File content from chunks: plan, fetch, inflate, verify, keep, slice.

A chunk is a piece of a file that lies in one member of the blob (a gzip member, a zstd frame), alone or (`innerOffset`)
beside chunks of other files; or it is zeros, and lies nowhere. What leaves here has passed its digest; where the format
has none (stargz's chunked files), the checksum of its whole member. Specification: stargz-snapshotter
`docs/estargz.md`, "Chunk". Any thread may read.
"""

from __future__ import annotations

import hashlib
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import NamedTuple, Protocol

from crfs_dav.errors import Corrupt
from crfs_dav.flight import SingleFlight
from crfs_dav.formats.gzipmember import cut, inflate, prefix
from crfs_dav.formats.limits import MIB
from crfs_dav.names import Digest
from crfs_dav.readers import ByteStore, ReaderAt, forget, prefetch
from crfs_dav.sparethreads import SpareThreads

logger = logging.getLogger(__name__)

READ_LIMIT = 8 * MIB  # compressed bytes of one planned read
_FETCH_AHEAD = 24 * MIB  # bytes of content whose chunks are fetched before a reader comes to them
_UNPACK_AHEAD = 8 * MIB  # and of those that are unpacked before
_SLACK = 64 << 10  # compressed bytes beyond a chunk's own size; gzip header, stored blocks
_TRAILING_LIMIT = 64 * MIB  # bytes inflated after a chunk without a digest, to reach its member's CRC
_MEMBER_PREFIX = 16 * MIB  # bytes of a shared member that are inflated and kept, where no chunk needs more


@dataclass(frozen=True, slots=True)
class Chunk:
    """File bytes `[file_offset, +size)`: the content of the member in blob `[start, end)`, from `inner_offset` on."""

    file_offset: int
    size: int
    start: int
    end: int
    inner_offset: int = 0
    digests: tuple[Digest, ...] = ()
    is_shared: bool = False  # other chunks lie in the same member
    is_zeros: bool = False  # a hole; start and end say nothing

    @property
    def inflated_size(self) -> int:
        """Bytes of the member's content to inflate: up to the chunk's end; of a shared member, a good part of it."""
        needed = self.inner_offset + self.size
        return max(needed, _MEMBER_PREFIX) if self.is_shared else needed

    @property
    def likely_end(self) -> int:
        """Blob offset up to which to read: what follows the chunk in its member is padding and tar headers."""
        return min(self.end, self.start + self.inflated_size + self.inflated_size // 64 + _SLACK)

    @property
    def last_end(self) -> int:
        """Blob offset where a member that has still not given the chunk is no honest one."""
        return min(self.end, self.start + 2 * self.inflated_size + MIB)


class ChunkCodec(Protocol):
    """How chunks are made of a blob's bytes."""

    @property
    def decode(self) -> Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]:
        """Content of a member from its compressed bytes; raises Corrupt."""
        ...

    def content(self, chunk: Chunk, compressed: Iterator[memoryview]) -> bytes:
        """Content of `chunk`, verified, from blob bytes `[chunk.start, chunk.end)` in pieces; raises Corrupt."""
        ...


class Codec(NamedTuple):
    """How members are unpacked: their content in small pieces from their compressed bytes; both raise Corrupt."""

    decode: Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]
    decode_checked: Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]  # to the end, a checksum has been passed

    def content(self, chunk: Chunk, compressed: Iterator[memoryview]) -> bytes:
        """Content of a chunk, verified."""
        decode = self.decode if chunk.digests else self.decode_checked
        return extract(decode(compressed), chunk)


GZIP = Codec(inflate, inflate)


@dataclass(frozen=True, slots=True)
class Run:
    """Chunks that one read of blob `[start, end)` brings."""

    start: int
    end: int
    chunks: tuple[Chunk, ...]


def plan(chunks: Sequence[Chunk], offset: int, size: int) -> list[Run]:
    """Reads that bring file bytes `[offset, offset+size)`; `chunks` are in file order and do not overlap.

    Adjacent chunks share a read, up to 8 MiB; one chunk alone may be bigger.
    """
    runs: list[Run] = []
    for chunk in _covering(chunks, offset, size):
        run = runs[-1] if runs else None
        if run and _continues(run, chunk):
            runs[-1] = Run(run.start, max(run.end, chunk.likely_end), (*run.chunks, chunk))
        else:
            runs.append(Run(chunk.start, chunk.likely_end, (chunk,)))
    return runs


def _covering(chunks: Sequence[Chunk], offset: int, size: int) -> Iterator[Chunk]:
    if size <= 0:
        return
    first = max(0, bisect_right(chunks, offset, key=attrgetter("file_offset")) - 1)
    for position in range(first, len(chunks)):
        chunk = chunks[position]
        if chunk.file_offset >= offset + size:
            return
        if chunk.file_offset + chunk.size > offset:
            yield chunk


def _continues(run: Run, chunk: Chunk) -> bool:
    # Spans of gzip (`zran`) share the byte that they meet in.
    adjacent = run.end - 1 <= chunk.start <= run.end or chunk.start == run.chunks[-1].start
    return adjacent and chunk.likely_end - run.start <= READ_LIMIT


class ChunkLoader:
    """Chunks of one layer, decoded and verified once for all who want them at the same time, then kept in a store."""

    def __init__(
        self,
        blob: ReaderAt,
        layer: Digest,
        store: ByteStore,
        codec: ChunkCodec = GZIP,
        *,
        ahead: SpareThreads | None = None,
    ) -> None:
        self._codec = codec
        self._ahead = ahead
        self._blob = blob
        self._layer = layer
        self._store = store
        self._flights: SingleFlight[str, bytes] = SingleFlight()

    def kept(self, chunk: Chunk) -> bytes | None:
        """Content of a chunk, where it is in the store."""
        data = self._store.get(self._key(chunk))
        return data if data is not None and len(data) == chunk.size else None

    def load(self, run: Run) -> Iterator[bytes]:
        """Content of each chunk of `run`, with one read of the blob for all that are not kept. Raises Corrupt."""
        fetched = _Fetched(self._blob, run.start, run.end)
        for chunk in run.chunks:
            yield self._flights.run(self._key(chunk), partial(self._load_chunk, chunk, fetched))

    def fetch(self, run: Run) -> None:
        """Have the blob's bytes of `run` fetched by others, where they can be; returns at once."""
        prefetch(self._blob, run.start, run.end - run.start)

    def unpack(self, chunk: Chunk) -> bool:
        """True if another thread now loads `chunk`; its error is for who asks for the chunk."""
        run = Run(chunk.start, chunk.likely_end, (chunk,))
        return self._ahead is not None and self._ahead.start(lambda: list(self.load(run)))

    def _key(self, chunk: Chunk) -> str:
        # The digest is part of the key: two TOCs that differ about one layer cannot spoil each other's chunks.
        identity = chunk.digests[0].hex if chunk.digests else "crc"
        return f"{self._layer}/{chunk.start}.{chunk.inner_offset}.{chunk.size}.{identity}"

    def _load_chunk(self, chunk: Chunk, fetched: _Fetched) -> bytes:
        data = self.kept(chunk)
        if data is None:
            data = self._decoded(chunk, fetched)
            self._store.put(self._key(chunk), data)
        return data

    def _decoded(self, chunk: Chunk, fetched: _Fetched) -> bytes:
        try:
            return self._extract(chunk, fetched)
        except Corrupt as error:
            self._store.discard(self._member_key(chunk))
            if not forget(self._blob, chunk.start, chunk.last_end - chunk.start):
                raise self._located(chunk, error) from None
            logger.warning("layer %s, member at %d: %s; reading it again", self._layer, chunk.start, error)
        try:
            return self._extract(chunk, _Fetched(self._blob, chunk.start, chunk.likely_end))
        except Corrupt as error:
            self._store.discard(self._member_key(chunk))
            raise self._located(chunk, error) from None

    def _located(self, chunk: Chunk, error: Corrupt) -> Corrupt:
        return Corrupt(f"layer {self._layer}, member at {chunk.start}: {error}")

    def _extract(self, chunk: Chunk, fetched: _Fetched) -> bytes:
        if chunk.is_shared:
            return extract(iter([self._member(chunk, fetched)]), chunk)
        return self._codec.content(chunk, fetched.compressed(chunk))

    def _member_key(self, chunk: Chunk) -> str:
        return f"{self._layer}/{chunk.start}.member"

    def _member(self, chunk: Chunk, fetched: _Fetched) -> bytes:
        """The first bytes of a shared member, at least up to the end of `chunk`; not verified yet."""
        key = self._member_key(chunk)
        return self._flights.run(f"{key}.{chunk.inner_offset}", lambda: self._load_member(key, chunk, fetched))

    def _load_member(self, key: str, chunk: Chunk, fetched: _Fetched) -> bytes:
        data = self._store.get(key)
        if data is None or len(data) < chunk.inner_offset + chunk.size:
            data = prefix(self._codec.decode(fetched.compressed(chunk)), chunk.inflated_size)
            self._store.put(key, data)
        return data


class _Fetched:
    """Bytes of the blob from `start` on, read when first asked for; for one thread."""

    def __init__(self, blob: ReaderAt, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self._blob = blob
        self._data: bytes | None = None

    def compressed(self, chunk: Chunk) -> Iterator[memoryview]:
        """Blob bytes `[chunk.start, chunk.last_end)` in small pieces; beyond the planned read only if asked for."""
        if self._data is None:
            self._data = self._blob.read_at(self.start, self.end - self.start)
        view = memoryview(self._data)[chunk.start - self.start :]
        yield from cut(view[: chunk.end - chunk.start])
        offset = self.end
        while offset < chunk.last_end:
            data = self._blob.read_at(offset, min(MIB, chunk.last_end - offset))
            if not data:
                raise Corrupt(f"blob: ends at {offset}; expected a member up to {chunk.end}")
            yield from cut(data)
            offset += len(data)


def extract(pieces: Iterator[bytes], chunk: Chunk) -> bytes:
    """Content of `chunk` from the content of its member, verified; raises Corrupt.

    Without a digest the member is read to its end, where its CRC is checked.
    """
    hashes = [hashlib.new(digest.algorithm) for digest in chunk.digests]
    found: list[bytes] = []
    skip, missing, trailing = chunk.inner_offset, chunk.size, 0
    for piece in pieces:
        part = piece[skip : skip + missing]
        skip = max(0, skip - len(piece))
        if part:
            missing -= len(part)
            found.append(part)
            for each in hashes:
                each.update(part)
        elif not missing:
            trailing += len(piece)
        if trailing > _TRAILING_LIMIT or (hashes and not missing):
            break
    if trailing > _TRAILING_LIMIT:
        raise Corrupt(f"member: {trailing} bytes after the chunk; expected at most {_TRAILING_LIMIT}")
    if missing:
        raise Corrupt(f"chunk: {chunk.size - missing} bytes; expected {chunk.size}")
    for digest, each in zip(chunk.digests, hashes, strict=True):
        if each.hexdigest() != digest.hex:
            raise Corrupt(f"chunk: {digest.algorithm}:{each.hexdigest()}; expected {digest}")
    return found[0] if len(found) == 1 else b"".join(found)


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
        for chunk in _covering(self._chunks, 0, min(size, self._size)):
            data = self._loader.kept(chunk)
            if data is None:
                break
            parts.append(data[:size])
        return b"".join(parts)[:size]

    def _parts(self, offset: int, size: int) -> list[bytes]:
        """Bytes of each chunk that fall in `[offset, offset+size)`, in order."""
        parts: dict[int, bytes] = {}
        missing: list[Chunk] = []
        for chunk in _covering(self._chunks, offset, size):
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
        chunks = _covering(self._chunks, start, min(end, self._expected_end) - start)
        return [chunk for chunk in chunks if not chunk.is_zeros and self._loader.kept(chunk) is None]


def _zeros(chunk: Chunk, offset: int, size: int) -> bytes:
    return bytes(min(offset + size, chunk.file_offset + chunk.size) - max(offset, chunk.file_offset))


def _within(chunk: Chunk, data: bytes, offset: int, size: int) -> bytes:
    return data[max(0, offset - chunk.file_offset) : offset + size - chunk.file_offset]
