"""Members in order to a blob: where each lies, what follows the last of them by format, and the digests of it all.

The layouts of TOC and footer are drawn where they are read, in `estargz` and `zstdchunked`. Footers are literal
bytes: how an empty deflate stream is spelled depends on the library and its version.
"""

from __future__ import annotations

import hashlib
import struct
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from crfs_dav.formats.estargz import TOC_NAME
from crfs_dav.formats.gzipwrite import gzip_pieces
from crfs_dav.formats.members import Member
from crfs_dav.formats.tarstream import BLOCK
from crfs_dav.formats.tocwriter import Toc, TocWriter
from crfs_dav.formats.writing import Format
from crfs_dav.formats.zstdwrite import skippable, zstd_frame, zstd_frame_of
from crfs_dav.names import Digest
from crfs_dav.oci import TOC_DIGEST_ANNOTATION

UNCOMPRESSED_SIZE_ANNOTATION = "io.containers.estargz.uncompressed-size"
_MANIFEST_ANNOTATION = "io.containers.zstd-chunked.manifest-"  # what stargz-snapshotter writes
_TAR_END = bytes(2 * BLOCK)
_EMPTY_STREAM = bytes.fromhex("01 0000 ffff 00000000 00000000")
_CRFS_EXTRA = b"stargz.toc"  # in the header of the TOC's member, by which crfs tells it
_ZSTD_MAGIC = b"GnUlInUx"
_ZSTD_TOC_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Written:
    """What a manifest and a config have to say of the blob."""

    toc_digest: Digest  # of the TOC's JSON
    diff_id: Digest  # of the blob decompressed
    digest: Digest  # of the blob
    size: int  # bytes of the blob
    content_size: int  # bytes of the blob decompressed
    annotations: Mapping[str, str] = field(default_factory=dict)  # of the layer


class Output:
    """One blob being written; for one thread."""

    def __init__(self, out: BinaryIO, folder: Path | None) -> None:
        self._out = out
        self._toc = TocWriter(folder)
        self._blob = hashlib.sha256()
        self._content = hashlib.sha256()
        self._content_size = 0
        self._size = 0

    def add(self, member: Member, packed: bytes) -> None:
        """Write the next member and tell its rows where they lie."""
        for row in member.chunks:
            row["offset"] = self._size
        self._toc.add(member.rows)
        if member.data:
            self._content.update(member.data)
            self._content_size += len(member.data)
            self._write(packed)

    def finish(self, format_: Format, repeated: set[str]) -> Written:
        """Write TOC and footer; of files by the `repeated` names, the TOC has the last."""
        toc = self._toc.finish(repeated)
        annotations = self._end_zstd(toc) if format_ is Format.ZSTD_CHUNKED else self._end_gzip(toc, format_)
        return Written(
            toc_digest=toc.digest,
            diff_id=Digest("sha256", self._content.hexdigest()),
            digest=Digest("sha256", self._blob.hexdigest()),
            size=self._size,
            content_size=self._content_size,
            annotations=annotations,
        )

    def _end_gzip(self, toc: Toc, format_: Format) -> Mapping[str, str]:
        offset = self._size
        is_legacy = format_ is Format.STARGZ
        for piece in gzip_pieces(self._toc_file(toc), _CRFS_EXTRA if is_legacy else b""):
            self._write(piece)
        self._write(legacy_footer_of(offset) if is_legacy else footer_of(offset))
        if is_legacy:
            return {}
        return {TOC_DIGEST_ANNOTATION: str(toc.digest), UNCOMPRESSED_SIZE_ANNOTATION: str(self._content_size)}

    def _toc_file(self, toc: Toc) -> Iterator[bytes]:
        """The TOC as the tar's last file, and the end mark."""
        header = tarfile.TarInfo(TOC_NAME)
        header.size = toc.size
        yield self._add_content(header.tobuf(tarfile.GNU_FORMAT))
        for piece in toc.pieces():
            yield self._add_content(piece)
        yield self._add_content(bytes(-toc.size % BLOCK) + _TAR_END)

    def _end_zstd(self, toc: Toc) -> Mapping[str, str]:
        self._write(zstd_frame(self._add_content(_TAR_END), _ZSTD_TOC_LEVEL))
        manifest = zstd_frame_of(toc.pieces(), _ZSTD_TOC_LEVEL)
        offset = self._size + len(skippable(b""))
        self._write(skippable(manifest))
        self._write(skippable(struct.pack("<4Q", offset, len(manifest), toc.size, 1) + _ZSTD_MAGIC))
        return {
            TOC_DIGEST_ANNOTATION: str(toc.digest),
            UNCOMPRESSED_SIZE_ANNOTATION: str(self._content_size),
            f"{_MANIFEST_ANNOTATION}checksum": f"sha256:{hashlib.sha256(manifest).hexdigest()}",
            f"{_MANIFEST_ANNOTATION}position": f"{offset}:{len(manifest)}:{toc.size}:1",
        }

    def _add_content(self, data: bytes) -> bytes:
        self._content.update(data)
        self._content_size += len(data)
        return data

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._blob.update(data)
        self._size += len(data)


def footer_of(toc_offset: int) -> bytes:
    """The 51 bytes of eStargz."""
    return bytes.fromhex("1f8b0804 00000000 00ff 1a00 5347 1600") + b"%016xSTARGZ" % toc_offset + _EMPTY_STREAM


def legacy_footer_of(toc_offset: int) -> bytes:
    """The 47 bytes of crfs's stargz."""
    return bytes.fromhex("1f8b0804 00000000 00ff 1600") + b"%016xSTARGZ" % toc_offset + _EMPTY_STREAM
