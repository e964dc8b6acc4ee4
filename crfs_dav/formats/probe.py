"""How a layer can be read, found out without reading it through: its format, and what stands in the way.

Costs what opening a layer that has a table of contents costs: one or two reads of its tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt
from crfs_dav.formats.candidate import Candidate, Means, read_candidate
from crfs_dav.formats.estargz import open_estargz, open_kept_estargz
from crfs_dav.formats.gzipmember import MAGIC as GZIP_MAGIC
from crfs_dav.formats.streamed import kept_packing, open_kept_streamed
from crfs_dav.formats.targz import open_kept_targz
from crfs_dav.formats.zstdchunked import open_zstdchunked
from crfs_dav.formats.zstdframe import MAGIC as ZSTD_MAGIC
from crfs_dav.formats.zstdframe import is_skippable
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, Descriptor
from crfs_dav.readers import ReaderAt

_USTAR = slice(257, 262)  # of a tar header (POSIX.1-1988, and GNU's before it)

Reading = Literal["toc", "headers", "index", "pass", "whole"]
"""File by file: by a table of contents, by a tar's headers, by an index made before, or after one pass over the layer.

Or only as a blob.
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a layer is; `entries` where that is known, `reason` says what is against reading it file by file at once."""

    format: str
    reading: Reading
    entries: int | None = None
    reason: str = ""


def probe(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Probe:
    """What `blob` is; raises what it raises."""
    kept = open_kept_estargz(blob, descriptor, means)
    if kept is not None:
        return _with_toc("eStargz", kept)
    indexed = open_kept_targz(blob, descriptor, means)
    if indexed is not None:
        return Probe("tar, gzip", "index", len(indexed.entries))
    packing = kept_packing(descriptor, means)
    streamed = None if packing is None else open_kept_streamed(blob, descriptor, means)
    if packing is not None and streamed is not None:
        return Probe("tar" if packing == "tar" else f"tar, {packing}", "index", len(streamed.entries))
    candidate = read_candidate(blob, descriptor, means)
    flaw = ""
    try:
        found = _by_toc(candidate)
        if found is not None:
            return found
    except Corrupt as error:
        flaw = str(error)
    return _without_toc(candidate, flaw)


def _by_toc(candidate: Candidate) -> Probe | None:
    archive = open_zstdchunked(candidate)
    if archive is not None:
        return _with_toc("zstd:chunked", archive)
    archive = open_estargz(candidate)
    if archive is None:
        return None
    return _with_toc("eStargz" if TOC_DIGEST_ANNOTATION in candidate.descriptor.annotations else "stargz", archive)


def _with_toc(name: str, archive: Archive) -> Probe:
    return Probe(name, "toc", len(archive.entries))


def _without_toc(candidate: Candidate, flaw: str) -> Probe:
    packed = _packing(candidate.head)
    if packed is None:
        return Probe("unknown", "whole", reason=flaw or "begins like no archive that is known")
    if packed == "tar" and candidate.blob.size > candidate.limits.verified_tar:
        return Probe(packed, "headers", reason=flaw)
    if packed == "tar, zstd" and candidate.means.spools is None:
        return Probe(packed, "whole", reason=flaw or "no table of contents, and no spool (spool_bytes) to unpack it in")
    return Probe(packed, "pass", reason=flaw or "no table of contents")


def _packing(head: bytes) -> str | None:
    if head.startswith(GZIP_MAGIC):
        return "tar, gzip"
    if head.startswith(ZSTD_MAGIC) or is_skippable(head):
        return "tar, zstd"
    return "tar" if head[_USTAR] == b"ustar" else None
