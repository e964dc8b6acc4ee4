"""stargz and eStargz: gzip layers whose last two members are a TOC and a footer.

Specifications: google/crfs README, "Stargz" and `stargz/stargz.go`; stargz-snapshotter `docs/estargz.md`, "eStargz".

    blob      = member, member ... | TOC member | footer
    TOC       = tar header `stargz.index.json` 512 | JSON | zeros; all of it gzipped
    footer    = an empty gzip member that tells where the TOC member begins:

                 eStargz  stargz
    1f 8b 08 04       4       4   gzip, deflate, flag FEXTRA
    mtime XFL OS      6       6   written 00000000 00 ff; any value is taken
    XLEN              2       2   0x1a = 26     0x16 = 22
    'SG' 16 00        4       -   subfield header: 22 bytes follow (stargz has none: not quite RFC 1952)
    offset           16      16   of the TOC member, 16 hex digits
    'STARGZ'          6       6
    01 0000 ffff      5       5   a last, stored, empty deflate block
    CRC-32, ISIZE     8       8   zeros
                     51      47   bytes

A TOC may lie in another image too; then the footer has 46 bytes, and in place of offset and mark `STARGZEXTERNALTOC`.
"""

from __future__ import annotations

import hashlib
import logging
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt, OverLimit
from crfs_dav.formats.candidate import Candidate, Means
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.columnsfile import ColumnsFile
from crfs_dav.formats.gzipmember import cut, inflate
from crfs_dav.formats.hashing import hashed
from crfs_dav.formats.limits import Limits, bounded
from crfs_dav.formats.repair import repair_names
from crfs_dav.formats.toc import Toc, load_toc
from crfs_dav.formats.tocarchive import TocArchive
from crfs_dav.names import Digest, parse_digest
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, Descriptor
from crfs_dav.readers import ReaderAt

logger = logging.getLogger(__name__)

TOC_NAME = "stargz.index.json"
HIDDEN = frozenset({TOC_NAME, ".prefetch.landmark", ".no.prefetch.landmark"})
FOOTER_SIZE = 51
LEGACY_FOOTER_SIZE = 47
EXTERNAL_TOC_FOOTER_SIZE = 46
_PackedToc = tuple[Iterator[memoryview], int]  # its bytes, and where in the blob the last member ends
_TAR_BLOCK = 512
_TOC_DIGEST = re.compile("sha256:[0-9a-f]{64}")

_OFFSET_AND_END = rb"([0-9a-fA-F]{16})STARGZ\x01\x00\x00\xff\xff\x00{8}"
_EXTERNAL_TOC_FOOTER_END = b"STARGZEXTERNALTOC\x01\x00\x00\xff\xff" + bytes(8)  # the TOC is another image's layer
_FOOTERS = {
    FOOTER_SIZE: re.compile(rb"\x1f\x8b\x08\x04.{6}\x1a\x00SG\x16\x00" + _OFFSET_AND_END, re.DOTALL),
    LEGACY_FOOTER_SIZE: re.compile(rb"\x1f\x8b\x08\x04.{6}\x16\x00" + _OFFSET_AND_END, re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Footer:
    """Where the TOC member begins, and the footer's own size in bytes."""

    toc_offset: int
    size: int


def parse_footer(tail: bytes) -> Footer | None:
    """The footer that `tail`, the last bytes of a blob, ends with; None where there is none."""
    for size, pattern in _FOOTERS.items():
        match = pattern.fullmatch(tail[-size:])
        if match:
            return Footer(int(match[1], 16), size)
    return None


def open_estargz(candidate: Candidate) -> Archive | None:
    """The archive in the blob; None where nothing says that there is a TOC. Raises Corrupt for one that is none.

    What says so is a footer, or the annotation with the TOC's digest: without its footer such a layer is damaged.
    """
    blob, descriptor, limits = candidate.blob, candidate.descriptor, candidate.limits
    found = _external_toc(candidate) or _toc_within(candidate)
    if found is None:
        return None
    compressed, end = found
    try:
        toc = _read_toc(compressed, end, descriptor, limits)
    except Corrupt as error:
        raise type(error)(f"layer {descriptor.digest}: {error}") from None
    if toc.skipped:
        logger.warning(
            "layer %s: %d entries left out, the first: %s", descriptor.digest, toc.skipped, toc.first_skipped
        )
    repair_names(toc, blob, limits=limits)
    what, file = _what(descriptor), ColumnsFile(toc.columns)
    if what is not None:  # the TOC has passed its digest
        file = candidate.means.columns.save(descriptor.digest, what, file)
    return TocArchive(file.columns, _loader(blob, descriptor, candidate.means), limits=limits)


def _toc_within(candidate: Candidate) -> _PackedToc | None:
    blob, footer = candidate.blob, parse_footer(candidate.tail)
    if footer is None or not 0 < footer.toc_offset < blob.size - footer.size:
        _check_not_promised(candidate.tail, candidate.descriptor)
        return None
    return _compressed_toc(candidate, footer), footer.toc_offset


def _external_toc(candidate: Candidate) -> _PackedToc | None:
    """The TOC that lies in another image; None without a digest for it, for anyone may have put it there."""
    if not candidate.tail.endswith(_EXTERNAL_TOC_FOOTER_END) or _what(candidate.descriptor) is None:
        return None
    packed = candidate.means.find_toc(candidate.descriptor.digest)
    return None if packed is None else (cut(packed), candidate.blob.size - EXTERNAL_TOC_FOOTER_SIZE)


def toc_digest(candidate: Candidate) -> Digest | None:
    """Digest of the TOC in the blob, None where there is none; raises Corrupt."""
    packed = _toc_within(candidate)
    if packed is None:
        return None
    document = _TocDocument(bounded(inflate(packed[0]), candidate.limits.toc_inflated, "TOC, inflated"))
    for _ in document.pieces():
        pass
    return parse_digest(document.digest)


def open_kept_estargz(blob: ReaderAt, descriptor: Descriptor, means: Means) -> Archive | None:
    """The archive in the blob, without a read of it, where `means.columns` has what its TOC says; else None."""
    what = _what(descriptor)
    kept = None if what is None else means.columns.load(descriptor.digest, what)
    if kept is None:
        return None
    return TocArchive(kept.columns, _loader(blob, descriptor, means), limits=means.limits)


def _loader(blob: ReaderAt, descriptor: Descriptor, means: Means) -> ChunkLoader:
    return ChunkLoader(blob, descriptor.digest, means.chunks, ahead=means.ahead)


def _what(descriptor: Descriptor) -> str | None:
    """What the columns of this layer are kept as; None where nobody promised the TOC's digest: anyone may write one."""
    digest = descriptor.annotations.get(TOC_DIGEST_ANNOTATION, "")
    return f"estargz-1.{digest.removeprefix('sha256:')}" if _TOC_DIGEST.fullmatch(digest) else None


def _check_not_promised(tail: bytes, descriptor: Descriptor) -> None:
    if TOC_DIGEST_ANNOTATION in descriptor.annotations and not tail.endswith(_EXTERNAL_TOC_FOOTER_END):
        raise Corrupt(f"layer {descriptor.digest}: no eStargz footer; expected one, as its annotation names a TOC")


def _compressed_toc(candidate: Candidate, footer: Footer) -> Iterator[memoryview]:
    """The TOC member in pieces: out of the tail, after one more read for the part of it that the tail has not."""
    end = candidate.blob.size - footer.size
    limit = candidate.limits.toc_compressed
    if end - footer.toc_offset > limit:
        raise OverLimit(f"TOC: {end - footer.toc_offset} bytes compressed; expected at most {limit}")
    before, in_tail = candidate.from_tail(footer.toc_offset, end)
    return chain(cut(before), cut(in_tail))


def _read_toc(compressed: Iterator[memoryview], end: int, descriptor: Descriptor, limits: Limits) -> Toc:
    pieces = bounded(inflate(compressed), limits.toc_inflated, "TOC, inflated")
    document = _TocDocument(pieces)
    toc = load_toc(document.pieces(), end, hidden=HIDDEN, limits=limits)
    expected = descriptor.annotations.get(TOC_DIGEST_ANNOTATION)
    if expected is not None and document.digest != expected:
        raise Corrupt(f"TOC: {document.digest}; expected {expected} by the layer's annotation")
    return toc


class _TocDocument:
    """The JSON inside a TOC member, and its digest once all of it was read."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._content = content
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def pieces(self) -> Iterator[bytes]:
        """As `_counted`."""
        return hashed(self._counted(), self._hash)

    def _counted(self) -> Iterator[bytes]:
        """The bytes that the tar header counts, no more and no less; what follows them is read to check the CRC."""
        head = b""
        while len(head) < _TAR_BLOCK:
            head += next(self._content, b"") or _no_more("TOC: no tar header; expected one")
        missing = _size_in_header(head[:_TAR_BLOCK])
        for piece in chain([head[_TAR_BLOCK:]], self._content):
            part = piece[:missing]
            missing -= len(part)
            if part:
                yield part
        if missing:
            raise Corrupt(f"TOC: ends {missing} bytes early; expected the size in its tar header")


def _no_more(message: str) -> bytes:
    raise Corrupt(message)


def _size_in_header(block: bytes) -> int:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise Corrupt(f"TOC tar header: {error}; expected a tar header") from None
    if header.name != TOC_NAME or not header.isreg():
        raise Corrupt(f"TOC tar header: {header.name[:100]!r}; expected the file {TOC_NAME}")
    return header.size
