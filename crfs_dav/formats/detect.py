"""From a layer's blob to its archive: one list of formats, asked in order."""

from __future__ import annotations

from collections.abc import Callable

from crfs_dav.archive import Archive
from crfs_dav.formats.candidate import Candidate, read_candidate
from crfs_dav.formats.estargz import open_estargz
from crfs_dav.formats.limits import DEFAULT_LIMITS, Limits
from crfs_dav.formats.zstdchunked import open_zstdchunked
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ByteStore, ReaderAt

OpenFormat = Callable[[Candidate], Archive | None]
"""One format: looks for evidence in the bytes, never only at the media type.

The archive; None where the blob is not of this format. Raises Corrupt where it is, but broken.
"""

FORMATS: tuple[OpenFormat, ...] = (open_zstdchunked, open_estargz)


def open_archive(
    blob: ReaderAt, descriptor: Descriptor, chunks: ByteStore, *, limits: Limits = DEFAULT_LIMITS
) -> Archive | None:
    """The archive in `blob`; None where no format can read it lazily. Raises Corrupt, and what `blob` raises.

    Decoded chunks are kept in `chunks`.
    """
    candidate = read_candidate(blob, descriptor, chunks, limits=limits)
    for open_format in FORMATS:
        archive = open_format(candidate)
        if archive is not None:
            return archive
    return None
