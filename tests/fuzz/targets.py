"""What reads bytes of strangers, and honest bytes: each input must end in a CrfsError or in an archive."""

from __future__ import annotations

import json
from random import Random

from crfs_dav.errors import NotFound
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.columnsfile import ColumnsFile, dump_columns, load_columns
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.estargz import parse_footer as parse_estargz_footer
from crfs_dav.formats.tarentries import TarArchive
from crfs_dav.formats.tarheaders import parse_headers
from crfs_dav.formats.tarranges import scan_headers
from crfs_dav.formats.toc import load_toc
from crfs_dav.formats.zstdchunked import parse_annotations
from crfs_dav.formats.zstdchunked import parse_footer as parse_zstd_footer
from crfs_dav.local.layout import read_layout
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader, ReaderAt
from tests.fuzz.kept import KEPT
from tests.fuzz.mutation import mutated
from tests.fuzz.streams import STREAMS
from tests.fuzz.target import LIMITS, Target, read_archive
from tests.support.archives import Member, dir_, file, hardlink, header_of, link, tar_of
from tests.support.recording import NoStore
from tests.support.stargz import STARGZ_FOOTER, Crafter, footer, go_json, member, toc_tar
from tests.support.zstdchunked import ZstdCrafter


def _crafted(footer: str | None = None) -> Crafter:
    crafter = Crafter() if footer is None else Crafter(footer=footer, digests=False)
    crafter.dir("d/", xattrs={"user.a": "AP8="}).file("d/a", b"0123456789", chunk_size=4).file("e", b"")
    crafter.file("b\ufffd", b"second", raw=None).entry("l", "symlink", linkName="d/a").entry(
        "h", "hardlink", linkName="b"
    )
    return crafter if footer else crafter.inner_file("i", b"inner")


def _old_sparse() -> bytes:
    """A member of type S: its map in the header, and a block that goes on with it."""
    header = bytearray(header_of(Member("s", b"S", b"abc"), "gnu"))
    header[386:410] = b"%011o\0%011o\0" % (1000, 2)
    header[482] = 1
    header[483:495] = b"%011o\0" % 9000
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    further = b"%011o\0%011o\0" % (8000, 1)
    return bytes(header) + further.ljust(512, b"\0") + b"abc".ljust(512, b"\0")


_STARGZ = [_crafted().build(), _crafted(STARGZ_FOOTER).build()]
_TOC = go_json(_crafted().entries)
_MEMBERS = bytes(_crafted().blob) + member(b"")
_ZSTD = ZstdCrafter().dir("d/").file("d/f", b"one", b"two", b"three", holes=(1,)).file("g", b"gg").build()
_MANIFEST = json.dumps({"version": 1, "entries": ZstdCrafter().dir("d/").file("f", b"1", b"2").entries}).encode()
_SPARSE = {"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0", "GNU.sparse.realsize": b"5000"}
_TARS = [
    tar_of(dir_("d/"), file("d/f", b"content" * 90), link("l", "d/f"), hardlink("h", "d/f")),
    tar_of(file("x" * 200, b"1").with_xattrs({"user.a": b"b"}).at(1.5), file("y", b"").owned(1 << 30, 1 << 31)),
    tar_of(file("x" * 200, b"1"), link("l", "y" * 300), Member("s", b"S", b"12"), form="gnu"),
    tar_of(file("s", b"1\n0\n3\n".ljust(512, b"\0") + b"abc").with_records(_SPARSE), file("z", b"z")),
]
_MAPPED = {"GNU.sparse.size": b"9000", "GNU.sparse.map": b"100,3,8000,2", "GNU.sparse.name": b"true-name"}
_PAIRED = {"GNU.sparse.size": b"9000", "GNU.sparse.numblocks": b"1", "GNU.sparse.offset": b"7"}
_SPARSES = [
    _TARS[-1],
    tar_of(file("GNUSparseFile.1/x", b"abcde").with_records(_MAPPED), file("z", b"z")),
    tar_of(file("x", b"abcde").with_records(_PAIRED | {"GNU.sparse.numbytes": b"5"}), file("z", b"z")),
    tar_of(_old_sparse(), file("z", b"z"), form="gnu"),
]
_SAVED = tar_of(file("c", b'{"rootfs":{"diff_ids":[]}}'), file("manifest.json", b'[{"Config":"c","Layers":[]}]'))
_INDEX = tar_of(file("oci-layout", b"{}"), file("index.json", b'{"manifests":[{"digest":"sha256:00","size":1}]}'))


def _read_blob(blob: bytes) -> None:
    read_archive(open_archive(BytesReader(blob), _descriptor(blob), Means(NoStore(), limits=LIMITS)))


def _read_zstd(blob: bytes) -> None:
    descriptor = Descriptor("", digest_of(blob), len(blob), _ZSTD[1])
    read_archive(open_archive(BytesReader(blob), descriptor, Means(NoStore(), limits=LIMITS)))


def _descriptor(blob: bytes) -> Descriptor:
    return Descriptor("", digest_of(blob), len(blob))


def _read_footers(tail: bytes) -> None:
    parse_estargz_footer(tail)
    parse_zstd_footer(tail)
    parse_annotations({"io.github.containers.zstd-chunked.manifest-position": tail.decode("latin-1")})


class _OneArchive:
    """An archive's files by name, for the reader of layouts."""

    def __init__(self, tar: bytes) -> None:
        self._reader = BytesReader(tar)
        self._columns = scan_headers(self._reader, LIMITS)

    def open(self, path: str) -> ReaderAt:
        archive = TarArchive(self._columns, self._reader)
        for position, entry in enumerate(archive.entries):
            if entry.name == path:
                return archive.open(position)
        raise NotFound(path)


def _scan_and_dump(tar: bytes) -> None:
    columns = scan_headers(BytesReader(tar), LIMITS)
    load_columns(memoryview(b"".join(dump_columns(ColumnsFile(columns), "key"))), "key")


def _with_toc(random: Random) -> bytes:
    toc_member = member(toc_tar(mutated(_TOC, random)))
    return _MEMBERS + toc_member + footer(len(_MEMBERS))


def _with_manifest(random: Random) -> bytes:
    return ZstdCrafter().file("f", b"1").build(document=mutated(_MANIFEST, random))[0]


TARGETS = {
    "footers": Target(
        lambda random: mutated(random.choice([_STARGZ[0][-51:], _STARGZ[1][-47:], _ZSTD[0][-72:]]), random),
        _read_footers,
    ),
    "stargz": Target(lambda random: mutated(random.choice(_STARGZ), random), _read_blob),
    "toc": Target(lambda random: mutated(_TOC, random), lambda data: load_toc([data], 1 << 30, limits=LIMITS)),
    "stargz with a toc": Target(_with_toc, _read_blob),
    "zstd:chunked": Target(lambda random: mutated(_ZSTD[0], random), _read_zstd),
    "zstd:chunked manifest": Target(_with_manifest, _read_blob),
    "tar": Target(
        lambda random: mutated(random.choice(_TARS), random, fix_checksums=True),
        _scan_and_dump,
    ),
    "tar files": Target(lambda random: mutated(random.choice(_TARS), random, fix_checksums=True), _read_blob),
    "sparse files": Target(lambda random: mutated(random.choice(_SPARSES), random, fix_checksums=True), _read_blob),
    "tar names": Target(
        lambda random: mutated(random.choice(_TARS), random, fix_checksums=True),
        lambda data: list(parse_headers(data, 0)),
    ),
    **STREAMS,
    **KEPT,
    "layout": Target(
        lambda random: mutated(random.choice([_SAVED, _INDEX]), random, fix_checksums=True),
        lambda data: read_layout(_OneArchive(data)),
    ),
}
