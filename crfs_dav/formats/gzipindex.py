"""What one pass over a gzipped tar finds: its entries, and the spans that its content can be read from. One file.

columns          of the entries; a chunk's offset is that of its content in the tar
starts           8 each, and one more: blob offset of the byte that a span begins in; where the last member ends
contents         8 each, and one more: content offset of a span; size of the content
bits             1 each: bit of that byte
digests          32 each: sha256 of the span's bytes in the blob
window_ends      4 each, 0 before: the span's window is `windows[window_ends[i]:window_ends[i + 1]]`
windows          zlib format, or nothing
diff_id          fact: the content's digest, as the image's config has it (OCI image-spec, "Layer DiffID")
"""

from __future__ import annotations

import hashlib
import operator
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import overload

from crfs_dav.errors import BadName, Corrupt
from crfs_dav.formats.chunkcodec import Compressed
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.columns import Columns
from crfs_dav.formats.columnsfile import ColumnsFile
from crfs_dav.formats.gzipmember import inflate, prefix
from crfs_dav.formats.hashing import hashed
from crfs_dav.formats.limits import Limits, bounded
from crfs_dav.formats.piped import piped
from crfs_dav.formats.progress import to_nobody
from crfs_dav.formats.tarentries import PieceStream, scan_tar
from crfs_dav.formats.zran import Checkpoint, CheckpointBuilder, inflate_span
from crfs_dav.names import Digest, parse_digest

_DIGEST_SIZE = 32


class SpanTable(Sequence[Chunk]):
    """The spans of a blob as chunks of its content, and how these are made of the blob's bytes (a `ChunkCodec`)."""

    def __init__(self, parts: Mapping[str, memoryview]) -> None:
        try:
            self._starts, self._contents = parts["starts"].cast("q"), parts["contents"].cast("q")
            self._bits, self._window_ends = parts["bits"], parts["window_ends"].cast("I")
            self._digests, self._windows = parts["digests"], parts["windows"]
        except (KeyError, TypeError) as error:
            raise Corrupt(f"spans: {error}; expected all parts") from None
        self._check()

    def __len__(self) -> int:
        return len(self._bits)

    @overload
    def __getitem__(self, number: int) -> Chunk: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Chunk]: ...
    def __getitem__(self, number: int | slice) -> Chunk | Sequence[Chunk]:
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        number = range(len(self))[number]
        start, end = self._starts[number], self._starts[number + 1]
        content = self._contents[number]
        shared = number + 1 < len(self) and self._bits[number + 1] > 0
        return Chunk(content, self._contents[number + 1] - content, start, end + shared)

    @property
    def content_size(self) -> int:
        """Bytes of the content."""
        return self._contents[-1]

    @property
    def decode(self) -> Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]:
        """As `ChunkCodec` has it; no span shares a member with another chunk."""
        return inflate

    def content(self, chunk: Chunk, compressed: Compressed) -> bytes:
        """Content of a span, its bytes in the blob verified; raises Corrupt."""
        number = bisect_left(self._starts, chunk.start)
        data = b"".join(compressed)
        expected = self._digests[number * _DIGEST_SIZE : (number + 1) * _DIGEST_SIZE]
        found = hashlib.sha256(data)
        if found.digest() != expected:
            raise Corrupt(f"span: sha256:{found.hexdigest()}; expected sha256:{expected.hex()}")
        first = self._window_ends[number - 1] if number else 0
        window = self._windows[first : self._window_ends[number]]
        content = prefix(inflate_span(memoryview(data), self._bits[number], window), chunk.size)
        if len(content) != chunk.size:
            raise Corrupt(f"span: {len(content)} bytes of content; expected {chunk.size}")
        return content

    def _check(self) -> None:
        count = len(self)
        sizes = (len(self._starts) - 1, len(self._contents) - 1, len(self._window_ends))
        if {*sizes, len(self._digests) // _DIGEST_SIZE} != {count} or count == 0:
            raise Corrupt(f"spans: {count} in parts of other sizes; expected equal ones")
        are_ordered = all(map(_grow, (self._starts, self._contents, self._window_ends)))
        are_whole = self._contents[0] == 0 and self._window_ends[-1] == len(self._windows)
        if not are_ordered or not are_whole or max(self._bits) > 7:
            raise Corrupt(f"spans: {count} that do not fit together; expected them in order")


class GzipIndex:
    """An index, as it lies in memory or in a mapped file; raises Corrupt for one that cannot be."""

    def __init__(self, file: ColumnsFile) -> None:
        self.columns: Columns = file.columns
        self.spans = SpanTable(file.extra)
        try:
            self.diff_id: Digest = parse_digest(file.facts.get("diff_id", ""))
        except BadName as error:
            raise Corrupt(f"index: {error}") from None


def build_gzip_index(
    pieces: Iterable[bytes],
    digest: Digest,
    limits: Limits,
    *,
    columns: Columns | None = None,
    tell: Callable[[bytes], None] = to_nobody,
) -> ColumnsFile:
    """The index of the blob that `pieces` are, whose digest is checked; `columns` and `tell` as `scan_tar` has them.

    Raises Corrupt, OverLimit, and NoCheckpoints where its content cannot be read in parts.
    """
    blob, content = hashlib.new(digest.algorithm), hashlib.sha256()
    builder = CheckpointBuilder(hashed(pieces, blob), span_limit=limits.chunk)
    stream = PieceStream(bounded(hashed(piped(builder.content()), content), limits.content, "tar"))
    columns = scan_tar(stream, limits, columns=columns, tell=tell)
    stream.drain()
    if blob.hexdigest() != digest.hex:
        raise Corrupt(f"blob: {digest.algorithm}:{blob.hexdigest()}; expected {digest}")
    facts = {"diff_id": f"sha256:{content.hexdigest()}"}
    return ColumnsFile(columns, _span_parts(builder.checkpoints, builder.end, builder.content_size), facts)


def _span_parts(points: Sequence[Checkpoint], end: int, content_size: int) -> Mapping[str, memoryview]:
    windows = bytearray()
    window_ends = array("I")
    for point in points:
        windows += point.window
        window_ends.append(len(windows))
    return {
        "starts": memoryview(array("q", [*(point.start for point in points), end])).cast("B"),
        "contents": memoryview(array("q", [*(point.content for point in points), content_size])).cast("B"),
        "bits": memoryview(bytes(point.bit for point in points)),
        "digests": memoryview(b"".join(point.digest for point in points)),
        "window_ends": memoryview(window_ends).cast("B"),
        "windows": memoryview(bytes(windows)),
    }


def _grow(offsets: memoryview) -> bool:
    return offsets[0] >= 0 and all(map(operator.le, offsets, offsets[1:]))
