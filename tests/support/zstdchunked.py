"""zstd:chunked blobs in both dialects, made by hand, whole or broken. It shares no code with the package.

blob, annotations = ZstdCrafter().file("etc/passwd", b"root").build()
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from typing import Any, Literal

from crfs_dav.archive import Archive
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.limits import DEFAULT_LIMITS, Limits
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader
from tests.support.recording import DictStore
from tests.support.stargz import go_json, padding, sha256, tar_header

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Dialect = Literal["stargz-snapshotter", "containers"]
Footer = Literal[40, 56, 64]
CONTAINERS = "io.github.containers.zstd-chunked."
OLD = "io.containers.zstd-chunked."


def frame(content: bytes, *, checksum: bool = True) -> bytes:
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: int(checksum)})


def skippable(data: bytes) -> bytes:
    return bytes.fromhex("502a4d18") + struct.pack("<I", len(data)) + data


def footer(offset: int, stored: int, decoded: int, size: Footer = 40) -> bytes:
    numbers = struct.pack("<4Q", offset, stored, decoded, 1)
    if size == 64:
        return skippable(numbers + bytes(24) + b"GNUlInUx")
    return skippable((numbers + b"GnUlInUx").ljust(size, b"\0"))


def open_zstd(
    blob: bytes,
    annotations: Mapping[str, str] | None = None,
    *,
    spools: Spools | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Archive:
    """The archive in a blob that must be one."""
    descriptor = Descriptor("", digest_of(blob), len(blob), annotations or {})
    archive = open_archive(BytesReader(blob), descriptor, Means(DictStore(), spools, limits, passes=Passes()))
    assert archive is not None
    return archive


class ZstdCrafter:
    """Frames, and the TOC entries that speak of them, one after another."""

    def __init__(self, dialect: Dialect = "containers", *, checksums: bool = True) -> None:
        self.blob = bytearray()
        self.entries: list[dict[str, Any]] = []
        self._dialect = dialect
        self._checksums = checksums
        self._open = bytearray()

    def dir(self, name: str, **toc: Any) -> ZstdCrafter:
        self._open += tar_header(name.encode()[:100], kind=b"5")
        self.entries.append({"type": "dir", "name": name, "mode": 0o755, **toc})
        return self

    def file(
        self, name: str, *chunks: bytes, raw_name: bytes | None = None, holes: tuple[int, ...] = (), **toc: Any
    ) -> ZstdCrafter:
        """Add a file of these chunks, those numbered in `holes` of type "zeros"; None as a keyword removes a key."""
        data = b"".join(chunks)
        self._open += tar_header(raw_name or name.encode()[:100], len(data))
        entries: list[dict[str, Any]] = [{"type": "reg", "name": name, "mode": 0o644, "size": len(data)}]
        entries += [{"type": "chunk", "name": name} for _ in chunks[1:]]
        if data:
            entries[0]["digest"] = sha256(data)
        file_offset = 0
        for number, (entry, chunk) in enumerate(zip(entries, chunks, strict=False)):
            self._close()
            entry |= {"offset": len(self.blob)}
            if self._dialect == "stargz-snapshotter" or len(chunks) > 1:
                entry |= {"chunkDigest": sha256(chunk)}
            if len(chunks) > 1:
                entry |= {"chunkOffset": file_offset, "chunkSize": len(chunk)}
            if number in holes:
                entry["chunkType"] = "zeros"
            file_offset += len(chunk)
            self._open += chunk
        if data and self._dialect == "containers":
            self._close()
            entries[0]["endOffset"] = len(self.blob)
        self._open += padding(len(data))
        entries[0] = {key: value for key, value in (entries[0] | toc).items() if value is not None}
        self.entries += entries
        return self

    def _close(self) -> None:
        if self._open:
            self.blob += frame(bytes(self._open), checksum=self._checksums)
        self._open = bytearray()

    def build(
        self, *, family: str = CONTAINERS, footer_size: Footer = 40, document: bytes | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        """Blob and annotations."""
        self._open += bytes(1024)
        self._close()
        if document is None:
            document = self._document()
        stored = frame(document)
        offset = len(self.blob) + 8
        blob = bytes(self.blob) + skippable(stored) + footer(offset, len(stored), len(document), footer_size)
        annotations = {
            f"{family}manifest-checksum": sha256(stored),
            f"{family}manifest-position": f"{offset}:{len(stored)}:{len(document)}:1",
        }
        if self._dialect == "stargz-snapshotter":
            annotations["containerd.io/snapshot/stargz/toc.digest"] = sha256(document)
        return blob, annotations

    def _document(self) -> bytes:
        if self._dialect == "stargz-snapshotter":
            return go_json(self.entries)
        return json.dumps({"version": 1, "entries": self.entries}, separators=(",", ":")).encode()
