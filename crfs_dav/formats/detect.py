"""From a layer's blob to its archive: one list of formats, asked in order."""

from __future__ import annotations

from typing import Protocol

from crfs_dav.archive import Archive
from crfs_dav.formats.estargz import open_estargz
from crfs_dav.formats.limits import DEFAULT_LIMITS, Limits
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ByteStore, ReaderAt


class OpenFormat(Protocol):
    """One format: looks for evidence in the bytes, never only at the media type."""

    def __call__(self, blob: ReaderAt, descriptor: Descriptor, chunks: ByteStore, *, limits: Limits) -> Archive | None:
        """The archive in `blob`; None where it is not of this format. Raises Corrupt where it is, but broken."""
        ...


FORMATS: tuple[OpenFormat, ...] = (open_estargz,)


def open_archive(
    blob: ReaderAt, descriptor: Descriptor, chunks: ByteStore, *, limits: Limits = DEFAULT_LIMITS
) -> Archive | None:
    """The archive in `blob`; None where no format can read it lazily. Raises Corrupt, and what `blob` raises.

    Decoded chunks are kept in `chunks`.
    """
    for open_format in FORMATS:
        archive = open_format(blob, descriptor, chunks, limits=limits)
        if archive is not None:
            return archive
    return None
