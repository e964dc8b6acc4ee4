"""Layer writer: a tar stream in, an eStargz, stargz or zstd:chunked blob out. Called by one thread, packs in several.

Specifications: stargz-snapshotter `docs/estargz.md`; google/crfs `stargz/stargz.go`; for zstd:chunked, the dialect of
stargz-snapshotter `estargz/zstdchunked`: containers/storage's own needs a CRC-64 of each file, which nothing that
Python has computes at speed.

    blob = member, member ... | TOC | footer

Three steps, joined by iterators: `members` cuts the tar, `compress` packs each member (the step worth threads: it
needs nothing but the member), and `Output` writes them in order, which is when offsets become known. At most two
members a thread are held and long TOCs go to a file, so memory is bounded whatever the layer; the bytes do not depend
on the count of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

from crfs_dav.formats.gzipwrite import gzip_member
from crfs_dav.formats.members import Member, members_of
from crfs_dav.formats.output import Output, Written
from crfs_dav.formats.tocwriter import Rows
from crfs_dav.formats.writing import CHUNK_SIZE, Format, WriteOptions
from crfs_dav.formats.zstdwrite import zstd_frame

Compress = Callable[[bytes], bytes]  # content to a gzip member; called in threads


def write_layer(
    tar: BinaryIO,
    out: BinaryIO,
    options: WriteOptions,
    *,
    threads: int = 1,
    prioritized: int = 0,
    folder: Path | None = None,
) -> Written:
    """Digests and size of the blob made of `tar` and written to `out`; the same for the same tar and any `threads`.

    The first `prioritized` entries come before the landmark. Landmarks and a TOC that `tar` has already are left out,
    and so is all after its end mark. `folder` is for temporary files. Raises Corrupt, naming the entry.
    """
    pack = zstd_frame if options.format is Format.ZSTD_CHUNKED else gzip_member
    rows = Rows()
    members = members_of(tar, rows, options, prioritized=prioritized)
    return _write(members, Output(out, folder), partial(pack, level=options.packing_level), threads).finish(
        options.format, rows.repeated
    )


def write_estargz(
    tar: BinaryIO, out: BinaryIO, *, chunk_size: int = CHUNK_SIZE, compress: Compress = gzip_member, threads: int = 1
) -> Written:
    """As `write_layer`, eStargz, each member packed by `compress`."""
    rows = Rows()
    members = members_of(tar, rows, WriteOptions(chunk_size=chunk_size), prioritized=0)
    return _write(members, Output(out, None), compress, threads).finish(Format.ESTARGZ, rows.repeated)


def _write(members: Iterator[Member], output: Output, compress: Compress, threads: int) -> Output:
    with ThreadPoolExecutor(threads, thread_name_prefix="compress") as pool:
        for member, packed in _in_order(members, compress, pool, ahead=2 * threads):
            output.add(member, packed)
    return output


def _in_order(
    members: Iterator[Member], compress: Compress, pool: ThreadPoolExecutor, *, ahead: int
) -> Iterator[tuple[Member, bytes]]:
    """Each member with its packed bytes, in the order of `members`; at most `ahead` are under way."""
    under_way: deque[tuple[Member, Future[bytes]]] = deque()
    for member in members:
        under_way.append((member, pool.submit(compress, bytes(member.data))))
        if len(under_way) >= ahead:
            first, result = under_way.popleft()
            yield first, result.result()
    for rest, result in under_way:
        yield rest, result.result()
