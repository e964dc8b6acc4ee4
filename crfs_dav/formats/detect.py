"""From a layer's blob to its archive: one list of formats, asked in order."""

from __future__ import annotations

from collections.abc import Callable

from crfs_dav.archive import Archive
from crfs_dav.formats.candidate import Candidate, Means, read_candidate
from crfs_dav.formats.estargz import open_estargz, open_kept_estargz
from crfs_dav.formats.tars import open_tar, open_targz, open_tarzstd
from crfs_dav.formats.zstdchunked import open_zstdchunked
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ReaderAt

OpenFormat = Callable[[Candidate], Archive | None]
"""One format: looks for evidence in the bytes, never only at the media type.

The archive; None where the blob is not of this format. Raises Corrupt where it is, but broken.
"""

FORMATS: tuple[OpenFormat, ...] = (open_zstdchunked, open_estargz, open_tarzstd, open_targz, open_tar)


def open_archive(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in `blob`; None where no format can read it lazily. Raises Corrupt, and what `blob` raises.

    Raises Unavailable where the blob has to be read through once, and that is not done yet.
    """
    kept = open_kept_estargz(blob, descriptor, means)
    if kept is not None:
        return kept
    candidate = read_candidate(blob, descriptor, means)
    for open_format in FORMATS:
        archive = open_format(candidate)
        if archive is not None:
            return archive
    return None
