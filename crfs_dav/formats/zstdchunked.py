"""zstd:chunked: zstd layers whose last frames are a manifest (a TOC) and a footer, in skippable frames.

Written by containers/storage `pkg/chunked/compressor` and `pkg/chunked/internal` (Podman, Skopeo, Buildah), and by
stargz-snapshotter `estargz/zstdchunked`. The TOC is eStargz's, with `endOffset` and `chunkType` (containers/storage
`internal/minimal/compression.go`, `FileMetadata`).

    blob      = frame, frame ... | skippable(zstd(manifest)) | skippable(zstd(tar-split)), not always | footer
    skippable = 50 2a 4d 18 | size 4 | as many bytes          every offset given points behind these 8 bytes
    footer    = skippable of:

                         stargz-snapshotter,      containers/storage
                         containers/storage <1.47 1.47-1.49       >= 1.50
    manifest offset                  8                 8             8   all little-endian
    manifest size                    8                 8             8   bytes as stored
    manifest content                 8                 8             8   bytes decoded
    manifest type                    8                 8             8   1
    tar-split offset and sizes       -                 -            24
    magic                            8                 8             8   GnUlInUx GnUlInUx GNUlInUx
    zeros                            -                16             -
                                    40                56            64   bytes

Podman reads annotations and no footer, stargz-snapshotter the footer; here annotations come first.
"""

from __future__ import annotations

import hashlib
import logging
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt, OverLimit
from crfs_dav.formats.candidate import Candidate, Means
from crfs_dav.formats.chunkcodec import Codec
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.columns import Columns
from crfs_dav.formats.columnsfile import ColumnsFile
from crfs_dav.formats.estargz import HIDDEN
from crfs_dav.formats.gzipmember import cut
from crfs_dav.formats.hashing import hashed
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.repair import repair_names
from crfs_dav.formats.toc import Toc, load_toc
from crfs_dav.formats.tocarchive import TocArchive
from crfs_dav.formats.zstdframe import MAGIC, SKIPPABLE_MAGIC, decode, decode_checked
from crfs_dav.names import digest_of
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, ZSTDCHUNKED_ANNOTATIONS, Descriptor, toc_annotations
from crfs_dav.readers import ReaderAt

logger = logging.getLogger(__name__)

ZSTD = Codec(decode, decode_checked)
_POSITION = re.compile(r"([0-9]{1,19}):([0-9]{1,19}):([0-9]{1,19}):1")
_CHECKSUM = re.compile("sha256:[0-9a-f]{64}")
_FRAME_HEADER_SIZE = 8
_MANIFEST_TYPE = 1
_MAGICS = {40: (32, b"GnUlInUx"), 56: (32, b"GnUlInUx"), 64: (56, b"GNUlInUx")}
_POSITION_FIELDS = struct.Struct("<4Q")


@dataclass(frozen=True, slots=True)
class Position:
    """Where the manifest's bytes lie in the blob."""

    offset: int
    size: int


def parse_footer(tail: bytes) -> Position | None:
    """What the footer says that `tail`, the last bytes of a blob, ends with; None where there is none."""
    for size, (magic_offset, magic) in _MAGICS.items():
        frame = tail[-size - _FRAME_HEADER_SIZE :]
        footer = frame[_FRAME_HEADER_SIZE:]
        if frame.startswith(SKIPPABLE_MAGIC + size.to_bytes(4, "little")) and footer.startswith(magic, magic_offset):
            offset, stored, _, kind = _POSITION_FIELDS.unpack_from(footer)
            return Position(offset, stored) if kind == _MANIFEST_TYPE else None
    return None


def parse_annotations(annotations: Mapping[str, str]) -> Position | None:
    """What the annotations of either family say; None where they say nothing. Raises Corrupt for nonsense."""
    text = _annotation(annotations, "manifest-position")
    if text is None:
        return None
    match = _POSITION.fullmatch(text)
    if match is None:
        raise Corrupt(f"manifest-position: {text[:80]!r}; expected offset:size:size:1")
    return Position(int(match[1]), int(match[2]))


def open_zstdchunked(candidate: Candidate) -> Archive | None:
    """The archive in the blob; None where nothing says that there is a manifest. Raises Corrupt for one that is none.

    One read brings footer and manifest, two where the manifest is large.
    """
    blob, descriptor, limits = candidate.blob, candidate.descriptor, candidate.limits
    try:
        position = parse_annotations(descriptor.annotations) or parse_footer(candidate.tail)
        if position is None:
            return None
        toc = _read_toc(_stored_manifest(candidate, position), position, descriptor, limits)
    except Corrupt as error:
        raise type(error)(f"layer {descriptor.digest}: {error}") from None
    if toc.skipped:
        logger.warning(
            "layer %s: %d entries left out, the first: %s", descriptor.digest, toc.skipped, toc.first_skipped
        )
    repair_names(toc, blob, decode, limits=limits)
    what, file = _what(descriptor), ColumnsFile(toc.columns)
    if what is not None:  # the manifest has passed its digest
        file = candidate.means.columns.save(descriptor.digest, what, file)
    return _archive(file.columns, blob, descriptor, candidate.means)


def open_kept_zstdchunked(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in the blob, without a read of it, where `means.columns` has what its manifest says; else None."""
    what = _what(descriptor)
    kept = None if what is None else means.columns.load(descriptor.digest, what)
    return None if kept is None else _archive(kept.columns, blob, descriptor, means)


def _archive(columns: Columns, blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive:
    loader = ChunkLoader(blob, descriptor.digest, means.chunks, _codec(means.limits), ahead=means.ahead)
    return TocArchive(columns, loader, limits=means.limits)


def _what(descriptor: Descriptor) -> str | None:
    """What the columns of this layer are kept as; None where nobody promised the manifest's digest."""
    if _CHECKSUM.fullmatch(_annotation(descriptor.annotations, "manifest-checksum") or "") is None:
        return None
    return f"zstdchunked-1.{digest_of(toc_annotations(descriptor).encode()).hex}"


def _codec(limits: Limits) -> Codec:
    window_log = limits.zstd_window_log
    return Codec(partial(decode, window_log=window_log), partial(decode_checked, window_log=window_log))


def _annotation(annotations: Mapping[str, str], name: str) -> str | None:
    keys = (family + name for family in ZSTDCHUNKED_ANNOTATIONS)
    return next((annotations[key] for key in keys if key in annotations), None)


def _stored_manifest(candidate: Candidate, position: Position) -> bytes:
    size, limit = candidate.blob.size, candidate.limits.toc_compressed
    start, end = position.offset, position.offset + position.size
    if not _FRAME_HEADER_SIZE < start < end <= size:
        raise Corrupt(f"manifest: blob bytes {start} to {end}; expected them within {size}")
    if position.size > limit:
        raise OverLimit(f"manifest: {position.size} bytes compressed; expected at most {limit}")
    return b"".join(candidate.from_tail(start, end))


def _read_toc(stored: bytes, position: Position, descriptor: Descriptor, limits: Limits) -> Toc:
    checksum = _annotation(descriptor.annotations, "manifest-checksum")
    found = f"sha256:{hashlib.sha256(stored).hexdigest()}"
    if checksum is not None and found != checksum:
        raise Corrupt(f"manifest: {found}; expected {checksum} by the layer's annotation")
    if not stored.startswith(MAGIC):
        raise Corrupt(f"manifest: begins with {stored[:4].hex()}; expected a zstd frame")
    document = _Document(stored, limits.toc_inflated)
    toc = load_toc(document.pieces(), position.offset - _FRAME_HEADER_SIZE, hidden=HIDDEN, limits=limits)
    expected = descriptor.annotations.get(TOC_DIGEST_ANNOTATION)
    if expected is not None and document.digest != expected:
        raise Corrupt(f"manifest: {document.digest} decoded; expected {expected} by the layer's annotation")
    return toc


class _Document:
    """The JSON inside a manifest's frame, and its digest once all of it was read."""

    def __init__(self, stored: bytes, limit: int) -> None:
        self._stored = stored
        self._limit = limit
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def pieces(self) -> Iterator[bytes]:
        return hashed(self._decoded(), self._hash)

    def _decoded(self) -> Iterator[bytes]:
        size = 0
        for piece in decode(cut(self._stored)):
            size += len(piece)
            if size > self._limit:
                raise OverLimit(f"manifest: more than {self._limit} bytes decoded; expected fewer")
            yield piece
