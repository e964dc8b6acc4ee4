"""eStargz writer: a tar stream in, an eStargz blob out. Called by one thread; compresses in as many as it is told.

Specification: stargz-snapshotter `docs/estargz.md`. Tar headers pass through byte for byte, so the blob decompresses
to the source's members between a landmark and the TOC.

    member  = headers up to the first payload
    member  = payload (at most one chunk) | padding, and the headers up to the next payload      once a chunk
    member  = tar header `stargz.index.json` | JSON | padding | 1024 zeros                       the TOC
    footer                                                                                       51 bytes

Three steps, joined by iterators: `_split` reads the tar into members, `compress` packs each of them (the step worth
threads: it needs nothing but the member), and `_Output` writes them in order, which is when offsets become known.
At most two members a thread are held, so memory is bounded whatever the layer; the bytes do not depend on the count.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

from crfs_dav.archive import Kind
from crfs_dav.errors import Corrupt
from crfs_dav.formats.estargz import HIDDEN, TOC_NAME
from crfs_dav.formats.gzipwrite import gzip_member
from crfs_dav.formats.tarstream import BLOCK, TarHeader, TarStream
from crfs_dav.formats.tocwriter import Row, Rows, TocWriter
from crfs_dav.formats.writing import CHUNK_SIZE
from crfs_dav.names import Digest, digest_of

_LANDMARK = ".no.prefetch.landmark"
_LANDMARK_CONTENT = b"\x0f"
_TAR_END = bytes(2 * BLOCK)
_EMPTY_DIGEST = str(digest_of(b""))
_MEMBER_LIMIT = 4 << 20  # bytes of headers in one member: a layer may hold a million directories


@dataclass(frozen=True, slots=True)
class Written:
    """What a manifest and a config have to say of the blob."""

    toc_digest: Digest  # of the TOC's JSON: the layer's annotation
    diff_id: Digest  # of the blob decompressed
    digest: Digest  # of the blob
    size: int  # bytes of the blob


Compress = Callable[[bytes], bytes]  # content to a gzip member; called in threads


def write_estargz(
    tar: BinaryIO, out: BinaryIO, *, chunk_size: int = CHUNK_SIZE, compress: Compress = gzip_member, threads: int = 1
) -> Written:
    """Digests and size of the blob made of `tar` and written to `out`; the same for the same tar and any `threads`.

    Landmarks and a TOC that `tar` has already are left out, and so is all after its end mark. Of duplicate names
    each is kept: readers take the last. Raises Corrupt for what is no tar.
    """
    output = _Output(out)
    rows = Rows()
    landmark = TarStream(io.BytesIO(_member_bytes(_LANDMARK, _LANDMARK_CONTENT)))
    members = chain(_split(landmark, rows, chunk_size), _split(_Foreign(tar), rows, chunk_size))
    with ThreadPoolExecutor(threads, thread_name_prefix="compress") as pool:
        for member, compressed in _in_order(members, compress, pool, ahead=2 * threads):
            output.add(member, compressed)
    return output.finish(compress)


@dataclass(slots=True)
class _Member:
    """What becomes one gzip member; `at` is the row whose payload it begins with."""

    data: bytearray = field(default_factory=bytearray)
    rows: list[Row] = field(default_factory=list)
    at: Row | None = None


def _in_order(
    members: Iterator[_Member], compress: Compress, pool: ThreadPoolExecutor, *, ahead: int
) -> Iterator[tuple[_Member, bytes]]:
    """Each member with its compressed bytes, in the order of `members`; at most `ahead` are under way."""
    under_way: deque[tuple[_Member, Future[bytes]]] = deque()
    for member in members:
        under_way.append((member, pool.submit(compress, bytes(member.data))))
        if len(under_way) >= ahead:
            first, result = under_way.popleft()
            yield first, result.result()
    for rest, result in under_way:
        yield rest, result.result()


class _Foreign(TarStream):
    """A tar stream without what another eStargz writer has added at its root."""

    def next(self) -> TarHeader | None:
        header = super().next()
        while header is not None and header.name.removeprefix("./") in HIDDEN:
            header = super().next()
        return header


def _split(tar: TarStream, rows: Rows, chunk_size: int) -> Iterator[_Member]:
    """The members of `tar`: one begins with each chunk of a payload, and one with the headers before them all."""
    member = _Member()
    while (header := tar.next()) is not None:
        if header.flaw or header.sparse is not None:
            raise Corrupt(f"tar member {header.name[:200]!r}: {header.flaw or 'sparse'}; expected a plain file")
        member.data += header.raw
        row = rows.of(header)
        if header.size:
            for chunk in _chunks(tar, row, chunk_size):
                yield member
                member = chunk
            member.data += tar.read_padding()
            continue
        if header.kind is Kind.REG:
            row["digest"] = _EMPTY_DIGEST
        member.rows.append(row)
        if len(member.data) > _MEMBER_LIMIT + chunk_size:
            yield member
            member = _Member()
    yield member


def _chunks(tar: TarStream, row: Row, chunk_size: int) -> Iterator[_Member]:
    """The payload at hand as members; the digest of the whole is in `row` when they are done."""
    digest = hashlib.sha256()
    for offset in range(0, row["size"], chunk_size):
        data = tar.read(chunk_size)
        digest.update(data)
        at = row if offset == 0 else {"name": row["name"], "type": "chunk", "chunkOffset": offset}
        at["offset"] = 0  # its place among the keys: told later, and sooner or later than the digest
        if offset + chunk_size < row["size"]:
            at["chunkSize"] = chunk_size
        at["chunkDigest"] = f"sha256:{hashlib.sha256(data).hexdigest()}"
        yield _Member(bytearray(data), [at], at)
    row["digest"] = f"sha256:{digest.hexdigest()}"


class _Output:
    """Members in order to the blob: their offsets, the TOC, the footer and the digests of it all."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._toc = TocWriter()
        self._blob = hashlib.sha256()
        self._content = hashlib.sha256()
        self._size = 0

    def add(self, member: _Member, compressed: bytes) -> None:
        """Write the next member and tell its rows where it lies."""
        if member.at is not None:
            member.at["offset"] = self._size
        self._toc.add(member.rows)
        if member.data:
            self._content.update(member.data)
            self._write(compressed)

    def finish(self, compress: Compress) -> Written:
        """Write the TOC and the footer."""
        toc_offset = self._size
        toc = self._toc.finish()
        last = _member_bytes(TOC_NAME, toc) + _TAR_END
        self._content.update(last)
        self._write(compress(last))
        self._write(footer_of(toc_offset))
        return Written(
            toc_digest=digest_of(toc),
            diff_id=Digest("sha256", self._content.hexdigest()),
            digest=Digest("sha256", self._blob.hexdigest()),
            size=self._size,
        )

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._blob.update(data)
        self._size += len(data)


def footer_of(toc_offset: int) -> bytes:
    """The footer's 51 bytes. Literal: how an empty deflate stream is spelled depends on the library and its version."""
    header = bytes.fromhex("1f8b0804 00000000 00ff 1a00 5347 1600")
    return header + b"%016xSTARGZ" % toc_offset + bytes.fromhex("01 0000 ffff 00000000 00000000")


def _member_bytes(name: str, data: bytes) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK)
