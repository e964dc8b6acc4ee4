"""Tars without a TOC: packed with zstd, or not at all. Told by their first bytes, whatever their media type.

Nothing but the digest of the whole vouches for a tar that is not packed. One that is not large is therefore read
through once, as what is packed; of a large one only the headers are, by ranges, and what it holds is passed on as it
comes.
"""

from __future__ import annotations

from crfs_dav.archive import Archive
from crfs_dav.formats.candidate import Candidate
from crfs_dav.formats.streamed import open_streamed
from crfs_dav.formats.tarranges import open_tar_ranges
from crfs_dav.formats.zstdframe import MAGIC as ZSTD_MAGIC
from crfs_dav.formats.zstdframe import is_skippable

_USTAR = slice(257, 262)  # of a tar header (POSIX.1-1988, and GNU's before it)


def open_tarzstd(candidate: Candidate) -> Archive | None:
    """The archive in the blob; None for what is not zstd. Raises Corrupt for zstd that holds no tar, Unavailable."""
    is_zstd = candidate.head.startswith(ZSTD_MAGIC) or is_skippable(candidate.head)
    return open_streamed(candidate, "zstd") if is_zstd else None


def open_tar(candidate: Candidate) -> Archive | None:
    """The archive in the blob; None for what is no tar. Raises Corrupt for a broken one, Unavailable."""
    if candidate.head[_USTAR] != b"ustar":
        return None
    is_verified = candidate.blob.size <= candidate.limits.verified_tar
    return (open_streamed(candidate, "tar") if is_verified else None) or open_tar_ranges(candidate)
