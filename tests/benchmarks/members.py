"""An eStargz layer as its table of contents says it (stargz-snapshotter `docs/estargz.md`), read without crfs-dav."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOOTER_SIZE = 51


@dataclass(frozen=True, slots=True)
class Member:
    """A gzip member that holds a chunk of a file, in blob `[start, end)`."""

    name: str
    file_size: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a layer's members and its table of contents lie."""

    members: tuple[Member, ...]
    toc_size: int  # bytes of the blob, footer included


def layout_of(layer: Path) -> Layout:
    """The layout of the eStargz blob in a file."""
    blob = layer.read_bytes()
    toc_start = int(blob[-_FOOTER_SIZE:][16:32], 16)
    entries = _entries(gzip.decompress(blob[toc_start:-_FOOTER_SIZE]))
    starts = [*sorted({entry["offset"] for entry in entries if "offset" in entry}), toc_start]
    members = []
    file_size = 0
    for entry in entries:
        file_size = entry.get("size", 0) if entry["type"] == "reg" else file_size
        if entry["type"] in ("reg", "chunk") and entry.get("offset"):
            end = starts[bisect_right(starts, entry["offset"])]
            members.append(Member(entry["name"].removeprefix("./"), file_size, entry["offset"], end))
    return Layout(tuple(members), len(blob) - toc_start)


def _entries(tar: bytes) -> list[dict[str, Any]]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        file = archive.extractfile("stargz.index.json")
        assert file is not None
        entries: list[dict[str, Any]] = json.load(file)["entries"]
        return entries
