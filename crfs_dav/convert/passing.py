"""Which layers stay as they are: those that are lazily readable in the format asked for, and what is no tar."""

from __future__ import annotations

from dataclasses import replace

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.convert.options import Options
from crfs_dav.errors import Corrupt
from crfs_dav.formats.candidate import Candidate, Means, read_candidate
from crfs_dav.formats.estargz import FOOTER_SIZE, LEGACY_FOOTER_SIZE, open_estargz, parse_footer, toc_digest
from crfs_dav.formats.writing import Format
from crfs_dav.formats.zstdchunked import open_zstdchunked
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, Descriptor
from crfs_dav.readers import ReaderAt


def passed(blob: ReaderAt, layer: Descriptor, options: Options) -> Descriptor | None:
    """What stands for the layer if it stays: itself, the TOC's digest being told; None where it is written anew.

    Costs the blob's tail, and the TOC where that is longer. Whoever asks for another order or content gets it.
    """
    if options.write.prioritized:
        return None
    candidate = read_candidate(blob, layer, Means(MemoryStore(0)))
    try:
        return _passed(candidate, layer, options.write.format)
    except Corrupt:
        return None  # what a TOC says wrongly is put right by writing it anew


def _passed(candidate: Candidate, layer: Descriptor, format_: Format) -> Descriptor | None:
    if format_ is Format.ZSTD_CHUNKED:
        return layer if open_zstdchunked(candidate) is not None else None
    footer = parse_footer(candidate.tail)
    wanted = LEGACY_FOOTER_SIZE if format_ is Format.STARGZ else FOOTER_SIZE
    if footer is None or footer.size != wanted or open_estargz(candidate) is None:
        return None
    if format_ is Format.STARGZ:
        return layer
    annotations = {**layer.annotations, TOC_DIGEST_ANNOTATION: str(toc_digest(candidate))}
    return replace(layer, annotations=annotations)
