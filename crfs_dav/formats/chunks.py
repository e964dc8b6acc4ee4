"""Where chunks lie, and which of them one read of the blob brings. Pure.

A chunk is a piece of a file that lies in one member of the blob (a gzip member, a zstd frame), alone or (`innerOffset`)
beside chunks of other files; or it is zeros, and lies nowhere. Specification: stargz-snapshotter `docs/estargz.md`,
"Chunk".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from crfs_dav.formats.limits import MIB
from crfs_dav.names import Digest

READ_LIMIT = 8 * MIB  # compressed bytes of one planned read
_SLACK = 64 << 10  # compressed bytes beyond a chunk's own size; gzip header, stored blocks
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
    for chunk in covering(chunks, offset, size):
        run = runs[-1] if runs else None
        if run and _continues(run, chunk):
            runs[-1] = Run(run.start, max(run.end, chunk.likely_end), (*run.chunks, chunk))
        else:
            runs.append(Run(chunk.start, chunk.likely_end, (chunk,)))
    return runs


def covering(chunks: Sequence[Chunk], offset: int, size: int) -> Iterator[Chunk]:
    """Those of `chunks`, which are in file order, that have a byte of `[offset, offset+size)`."""
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
