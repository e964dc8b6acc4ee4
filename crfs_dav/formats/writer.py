"""Layer writer: a tar stream in, an eStargz, stargz or zstd:chunked blob out. Called by one thread, packs in several.

Specifications: stargz-snapshotter `docs/estargz.md`; google/crfs `stargz/stargz.go`; for zstd:chunked, the dialect of
stargz-snapshotter `estargz/zstdchunked`: containers/storage's own needs a CRC-64 of each file, which nothing that
Python has computes at speed.

    blob = member, member ... | TOC | footer

Three steps, each in threads of its own: the caller's runs `members`, which cuts the tar; those of `pool` run
`compress`, which needs nothing but the member; one more runs `Output`, which writes members in order, and that is when
offsets become known. Some 24 MiB of members are held and long TOCs go to a file, so memory is bounded whatever the
layer and the machine; the bytes do not depend on the count of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

from crfs_dav.formats.gzipwrite import gzip_member
from crfs_dav.formats.members import Member, members_of
from crfs_dav.formats.output import Output, Written
from crfs_dav.formats.tocwriter import Rows
from crfs_dav.formats.writing import CHUNK_SIZE, Format, WriteOptions
from crfs_dav.formats.zstdwrite import zstd_frame

Compress = Callable[[bytearray], bytes]  # content to a gzip member; called in threads
_AHEAD = 512  # members under way
_AHEAD_SIZE = 24 << 20  # bytes of content in them


def write_layer(
    tar: BinaryIO,
    out: BinaryIO,
    options: WriteOptions,
    *,
    pool: Executor,
    prioritized: int = 0,
    folder: Path | None = None,
) -> Written:
    """Digests and size of the blob made of `tar` and written to `out`; the same for the same tar and any `pool`.

    `pool` packs, and may serve several layers: threads, or nothing would be gained. The first `prioritized` entries
    come before the landmark. Landmarks and a TOC that `tar` has already are left out, and so is all after its end
    mark. `folder` is for temporary files. Raises Corrupt, naming the entry.
    """
    pack = zstd_frame if options.format is Format.ZSTD_CHUNKED else gzip_member
    rows = Rows()
    members = members_of(tar, rows, options, prioritized=prioritized)
    output = Output(out, folder)
    _write(members, output, partial(pack, level=options.packing_level), pool)
    return output.finish(options.format, rows.repeated)


def write_estargz(
    tar: BinaryIO, out: BinaryIO, *, chunk_size: int = CHUNK_SIZE, compress: Compress = gzip_member, threads: int = 1
) -> Written:
    """As `write_layer`, eStargz, each member packed by `compress`."""
    rows = Rows()
    members = members_of(tar, rows, WriteOptions(chunk_size=chunk_size), prioritized=0)
    output = Output(out, None)
    with ThreadPoolExecutor(threads, thread_name_prefix="compress") as pool:
        _write(members, output, compress, pool)
    return output.finish(Format.ESTARGZ, rows.repeated)


def _write(members: Iterator[Member], output: Output, compress: Compress, pool: Executor) -> None:
    """Every member, packed, in the order of `members`: a thread of its own writes, and takes the digests."""
    under_way: deque[tuple[int, Future[None]]] = deque()
    size = 0
    with ThreadPoolExecutor(1, thread_name_prefix="write") as writer:
        for member in members:
            packed = pool.submit(compress, member.data)
            under_way.append((len(member.data), writer.submit(_add, output, member, packed)))
            size += len(member.data)
            while len(under_way) > _AHEAD or (size > _AHEAD_SIZE and len(under_way) > 1):
                size -= _await_first(under_way)
        while under_way:
            _await_first(under_way)


def _add(output: Output, member: Member, packed: Future[bytes]) -> None:
    output.add(member, packed.result())


def _await_first(under_way: deque[tuple[int, Future[None]]]) -> int:
    """Bytes of content of the member that was written."""
    size, written = under_way.popleft()
    written.result()
    return size
