"""The `Range` header of a GET (RFC 9110 section 14.2): syntax, and what it means for a file of some size."""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGES_LIMIT = 64
# 18 digits: any size that fits in 63 bits, and nothing that int() could be tortured with.
_SPEC = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


class Span(NamedTuple):
    """Bytes `[start, end)`."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        """Value of `Content-Range`, whose ends are inclusive."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


class RangeSpec(NamedTuple):
    """One range as asked for: `first-last` (inclusive), `first-`, or `-suffix` with `first` None."""

    first: int | None
    last: int | None

    def span(self, size: int) -> Span | None:
        """Bytes meant in a file of `size` bytes; None where there are none (416)."""
        if self.first is None:
            start, end = max(0, size - (self.last or 0)), size
        else:
            start, end = self.first, size if self.last is None else min(size, self.last + 1)
        return Span(start, end) if start < end else None


def parse_range(header: str) -> list[RangeSpec] | None:
    """Ranges of a `Range` header; None where it is malformed, in another unit or too long: then it is ignored."""
    unit, equals, text = header.partition("=")
    if not equals or unit.strip().lower() != "bytes" or text.count(",") >= _RANGES_LIMIT:
        return None
    specs = [_parse_spec(part.strip(" \t")) for part in text.split(",")]
    return None if None in specs else [spec for spec in specs if spec is not None]


def _parse_spec(text: str) -> RangeSpec | None:
    match = _SPEC.fullmatch(text)
    if match is None or text == "-":
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    if first is not None and last is not None and last < first:
        return None
    return RangeSpec(first, last)
