"""An outline entry by entry."""

from __future__ import annotations

from collections.abc import Iterable

from crfs_dav.archive import Kind, Outline


def rows(outline: Iterable[Outline]) -> list[tuple[str, Kind]]:
    """Name and kind of each entry."""
    return [row for each in outline for row in zip(each.names, each.kinds, strict=True)]
