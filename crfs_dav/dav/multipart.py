"""Several ranges in one answer: `multipart/byteranges` (RFC 9110 sections 14.6 and 15.3.7.2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence

from crfs_dav.dav.ranges import Span

PARTS_LIMIT = 16


class ByteRanges:
    """The parts of a file of `size` bytes, and what stands around them; its own length is known beforehand."""

    def __init__(self, spans: Sequence[Span], size: int, content_type: str) -> None:
        self._boundary = secrets.token_hex(16)  # nobody can put it into a file
        self._spans = spans
        self._heads = [self._head(span, size, content_type) for span in spans]
        self._tail = f"\r\n--{self._boundary}--\r\n".encode()

    @property
    def content_type(self) -> str:
        """Value of `Content-Type`."""
        return f"multipart/byteranges; boundary={self._boundary}"

    @property
    def content_length(self) -> int:
        """Bytes of the whole body."""
        return sum(map(len, self._heads)) + sum(span.end - span.start for span in self._spans) + len(self._tail)

    def body(self, pieces: Callable[[Span], Iterable[bytes]]) -> Iterator[bytes]:
        """The body, with the bytes that `pieces` gives for each span."""
        for head, span in zip(self._heads, self._spans, strict=True):
            yield head
            yield from pieces(span)
        yield self._tail

    def _head(self, span: Span, size: int, content_type: str) -> bytes:
        lines = ["", f"--{self._boundary}", f"Content-Type: {content_type}"]
        return "\r\n".join([*lines, f"Content-Range: {span.content_range(size)}", "", ""]).encode()


def coalesced(spans: Iterable[Span]) -> list[Span]:
    """`spans` without overlaps and without gaps of nothing, in the order in which they were first asked for."""
    asked = list(spans)
    merged: list[Span] = []
    for span in sorted(asked):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return sorted(
        merged, key=lambda whole: next(n for n, span in enumerate(asked) if whole.start <= span.start < whole.end)
    )
