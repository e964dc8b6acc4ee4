"""Chunks of one layer: fetched, decoded and verified once, then kept. Any thread may load."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from crfs_dav.errors import Corrupt
from crfs_dav.flight import SingleFlight
from crfs_dav.formats.chunkcodec import GZIP, ChunkCodec, Compressed, extract
from crfs_dav.formats.chunks import Chunk, Run
from crfs_dav.formats.gzipmember import cut, prefix
from crfs_dav.formats.limits import MIB
from crfs_dav.names import Digest
from crfs_dav.readers import ByteStore, ReaderAt, forget, prefetch
from crfs_dav.sparethreads import SpareThreads

logger = logging.getLogger(__name__)


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
        self.blob = blob
        self.start = start
        self.end = end
        self._data: memoryview | None = None

    @property
    def data(self) -> memoryview:
        """Those up to `end`."""
        if self._data is None:
            self._data = memoryview(self.blob.read_at(self.start, self.end - self.start))
        return self._data

    def compressed(self, chunk: Chunk) -> Compressed:
        """Those of a chunk."""
        return _Compressed(self, chunk)


@dataclass(frozen=True, slots=True)
class _Compressed:
    """Blob bytes `[chunk.start, chunk.last_end)`."""

    fetched: _Fetched
    chunk: Chunk

    @property
    def at_hand(self) -> memoryview:
        """As `Compressed` has it."""
        start = self.chunk.start - self.fetched.start
        return self.fetched.data[start : start + self.chunk.end - self.chunk.start]

    def __iter__(self) -> Iterator[memoryview]:
        yield from cut(self.at_hand)
        offset = self.fetched.end
        while offset < self.chunk.last_end:
            data = self.fetched.blob.read_at(offset, min(MIB, self.chunk.last_end - offset))
            if not data:
                raise Corrupt(f"blob: ends at {offset}; expected a member up to {self.chunk.end}")
            yield from cut(data)
            offset += len(data)
