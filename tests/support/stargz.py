"""Stargz and eStargz blobs made by hand, whole or broken in any way. It shares no code with the package's writer.

blob = Crafter().dir("etc/").file("etc/passwd", b"root").build()
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.limits import DEFAULT_LIMITS, Limits
from crfs_dav.formats.tocarchive import TocArchive
from crfs_dav.names import digest_of
from crfs_dav.oci import OCI_LAYER_GZIP, TOC_DIGEST_ANNOTATION, Descriptor
from crfs_dav.readers import BytesReader, ByteStore, ReaderAt
from tests.support.recording import DictStore

ESTARGZ_FOOTER = "1f8b08040000000000ff1a0053471600{offset}5354415247 5a010000ffff0000000000000000"
STARGZ_FOOTER = "1f8b08040000000000ff1600{offset}5354415247 5a010000ffff0000000000000000"

Toc = dict[str, Any]


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def member(content: bytes) -> bytes:
    return gzip.compress(content, 6, mtime=0)


def footer(toc_offset: int, template: str = ESTARGZ_FOOTER) -> bytes:
    return bytes.fromhex(template.format(offset=(b"%016x" % toc_offset).hex()))


def tar_header(name: bytes, size: int = 0, *, kind: bytes = b"0", link_name: bytes = b"") -> bytes:
    """One ustar block."""
    block = bytearray(512)
    block[0 : len(name[:100])] = name[:100]
    block[100:136] = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157 : 157 + len(link_name[:100])] = link_name[:100]
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padding(size: int) -> bytes:
    return bytes(-size % 512)


def pax_header(**records: bytes) -> bytes:
    """A pax block and its records, for the header that follows."""
    body = b""
    for key, value in records.items():
        record = b" %s=%s\n" % (key.encode(), value)
        size = len(record) + len(str(len(record)))
        size = len(record) + len(str(size))
        body += b"%d" % size + record
    return tar_header(b"PaxHeaders.0/x", len(body), kind=b"x") + body + padding(len(body))


def gnu_long(kind: bytes, name: bytes) -> bytes:
    """A GNU long name (kind L) or long link name (K)."""
    body = name + b"\0"
    return tar_header(b"././@LongLink", len(body), kind=kind) + body + padding(len(body))


class Crafter:
    """Members, and the TOC entries that speak of them, one after another."""

    def __init__(self, *, footer: str = ESTARGZ_FOOTER, digests: bool = True) -> None:
        self.blob = bytearray()
        self.entries: list[Toc] = []
        self._open = bytearray()  # content of the member being filled
        self._footer = footer
        self._digests = digests

    def header(self, raw: bytes) -> Crafter:
        """Put tar bytes into the member being filled, with no entry of their own."""
        self._open += raw
        return self

    def entry(self, name: str, kind: str, *, raw: bytes | None = None, **toc: Any) -> Crafter:
        """Add an entry without payload."""
        self._open += tar_header(name.encode()[:100]) if raw is None else raw
        self.entries.append({"name": name, "type": kind, **toc})
        return self

    def dir(self, name: str, **toc: Any) -> Crafter:
        return self.entry(name, "dir", mode=0o755, **toc)

    def file(
        self, name: str, data: bytes, *, chunk_size: int = 4 << 20, raw: bytes | None = None, **toc: Any
    ) -> Crafter:
        """Add a file of one member a chunk; keywords replace keys of its first TOC entry, None removes one."""
        self._open += tar_header(name.encode()[:100], len(data)) if raw is None else raw
        entry: Toc = {"name": name, "type": "reg", "size": len(data), "mode": 0o644}
        if self._digests:
            entry["digest"] = sha256(data)
        pieces = [data[start : start + chunk_size] for start in range(0, len(data), chunk_size)]
        for number, piece in enumerate(pieces):
            self._chunk(entry if number == 0 else {"name": name, "type": "chunk"}, piece, number * chunk_size)
            if number < len(pieces) - 1:
                self.entries[-1]["chunkSize"] = len(piece)
        if not pieces:
            self.entries.append(entry)
        self._open += padding(len(data))
        self.entries[-max(1, len(pieces))] = _edited(entry, toc)
        return self

    def _chunk(self, entry: Toc, piece: bytes, file_offset: int) -> None:
        self._close()
        entry["offset"] = len(self.blob)
        if file_offset:
            entry["chunkOffset"] = file_offset
        if self._digests:
            entry["chunkDigest"] = sha256(piece)
        self.entries.append(entry)
        self._open += piece

    def inner_file(self, name: str, data: bytes, *, raw: bytes | None = None, **toc: Any) -> Crafter:
        """Add a file to the member being filled, beside what is in it already."""
        self._open += tar_header(name.encode()[:100], len(data)) if raw is None else raw
        entry: Toc = {"name": name, "type": "reg", "size": len(data), "offset": len(self.blob)}
        entry |= {"innerOffset": len(self._open), "digest": sha256(data), "chunkDigest": sha256(data)}
        self.entries.append(_edited(entry, toc))
        self._open += data + padding(len(data))
        return self

    def _close(self) -> None:
        self.blob += member(bytes(self._open))
        self._open = bytearray()

    def build(self, edit: Callable[[list[Toc]], None] | None = None, *, document: bytes | None = None) -> bytes:
        """The blob; `edit` may change the TOC's entries, `document` stand for all its JSON."""
        self._close()
        if edit is not None:
            edit(self.entries)
        if document is None:
            document = go_json(self.entries)
        return self.finish(member(toc_tar(document)))

    def finish(self, toc_member: bytes) -> bytes:
        """The blob with these bytes where the TOC member should be."""
        return bytes(self.blob) + toc_member + footer(len(self.blob), self._footer)


def _edited(entry: Toc, toc: Toc) -> Toc:
    return {key: value for key, value in (entry | toc).items() if value is not None}


def toc_tar(document: bytes, name: bytes = b"stargz.index.json") -> bytes:
    return tar_header(name, len(document)) + document + padding(len(document)) + bytes(1024)


def go_json(entries: list[Toc]) -> bytes:
    """JSON as Go's MarshalIndent writes it."""
    return json.dumps({"version": 1, "entries": entries}, indent="\t", ensure_ascii=False).encode()


def descriptor_of(blob: bytes, toc_digest: str | None = None) -> Descriptor:
    annotations = {} if toc_digest is None else {TOC_DIGEST_ANNOTATION: toc_digest}
    return Descriptor(OCI_LAYER_GZIP, digest_of(blob), len(blob), annotations)


def open_blob(
    blob: bytes | ReaderAt,
    *,
    store: ByteStore | None = None,
    toc_digest: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> TocArchive:
    """The archive in a blob that must be one."""
    reader = BytesReader(blob) if isinstance(blob, bytes) else blob
    descriptor = descriptor_of(reader.read_at(0, reader.size), toc_digest)
    archive = open_archive(reader, descriptor, Means(store or DictStore(), limits=limits))
    assert isinstance(archive, TocArchive)
    return archive


def names_of(archive: TocArchive) -> list[str]:
    return [entry.name for entry in archive.entries]


def content(archive: TocArchive, position: int) -> bytes:
    reader = archive.open(position)
    return reader.read_at(0, reader.size)
