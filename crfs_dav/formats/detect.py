"""From a layer's blob to its archive: the formats, asked in order, and what to do about one that breaks its word."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt, OverLimit
from crfs_dav.formats.candidate import Candidate, Means, read_candidate
from crfs_dav.formats.estargz import open_estargz, open_kept_estargz
from crfs_dav.formats.streamed import open_kept_streamed
from crfs_dav.formats.targz import open_kept_targz, open_targz, open_unlabelled_targz
from crfs_dav.formats.tars import open_tar, open_tarzstd
from crfs_dav.formats.zstdchunked import open_kept_zstdchunked, open_zstdchunked
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ReaderAt, forget

logger = logging.getLogger(__name__)

OpenFormat = Callable[[Candidate], Archive | None]
"""One format: looks for evidence in the bytes, never only at the media type.

The archive; None where the blob is not of this format. Raises Corrupt where it is, but broken.
"""

OpenEarly = Callable[[ReaderAt, Descriptor, Means], Archive | None]
"""One format: knows the blob from before, or by its first bytes; None where it does not. Raises as `OpenFormat`."""

EARLY: tuple[OpenEarly, ...] = (
    open_kept_estargz,
    open_kept_zstdchunked,
    open_kept_targz,
    open_kept_streamed,
    open_unlabelled_targz,
)
WITH_TOC: tuple[OpenFormat, ...] = (open_zstdchunked, open_estargz)
TARS: tuple[OpenFormat, ...] = (open_tarzstd, open_targz, open_tar)


def open_archive(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in `blob`; None where no format can read it. Raises Corrupt, and what `blob` raises.

    Raises Unavailable where the blob has to be read through once, and that is not done yet. What has a broken TOC is
    read as the tar that it also is: the blob's own digest vouches for that.
    """
    for open_early in EARLY:
        early = open_early(blob, descriptor, means)
        if early is not None:
            return early
    candidate = read_candidate(blob, descriptor, means)
    flaw: Corrupt | None = None
    try:
        archive = _open_twice(WITH_TOC, candidate)
    except Corrupt as error:
        archive, flaw = None, error
    if archive is None:
        archive = _open_twice(TARS, candidate)
        if flaw is not None and archive is None:
            raise flaw
    if flaw is not None:
        logger.warning("%s; reading it as the tar that it also is", flaw)
    return archive


def _open_twice(formats: Iterable[OpenFormat], candidate: Candidate) -> Archive | None:
    """The archive of the first format that fits; what came broken off the network and was kept is fetched once more."""
    try:
        return _open(formats, candidate)
    except Corrupt as error:
        if isinstance(error, OverLimit) or not forget(candidate.blob, 0, candidate.blob.size):
            raise
        logger.warning("%s; reading the layer again", error)
    return _open(formats, read_candidate(candidate.blob, candidate.descriptor, candidate.means))


def _open(formats: Iterable[OpenFormat], candidate: Candidate) -> Archive | None:
    archives = (open_format(candidate) for open_format in formats)
    return next((archive for archive in archives if archive is not None), None)
