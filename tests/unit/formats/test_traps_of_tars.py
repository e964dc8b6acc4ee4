"""Traps of the list that plain tars lead into too, whatever they are packed with."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from crfs_dav.archive import Archive
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.formats.tarstream import TarStream
from crfs_dav.names import digest_of
from crfs_dav.oci import OCI_LAYER, Descriptor
from crfs_dav.readers import BytesReader
from tests.support.archives import dir_, file, link, tar_of, targz_of
from tests.support.recording import DictStore
from tests.support.stargz import STARGZ_FOOTER, Crafter, footer
from tests.support.zstdchunked import ZstdCrafter, frame

OWN_FILES = ["stargz.index.json", ".prefetch.landmark", ".no.prefetch.landmark"]  # of stargz, at the root
LARGE = (9 << 30) + 1  # bytes; more than octal digits can say
MEDIA_TYPES = ["", "text/plain", OCI_LAYER, f"{OCI_LAYER}+gzip", f"{OCI_LAYER}+zstd"]
EMPTY: Mapping[str, str] = {}
Pack = Callable[[bytes], bytes]

PACKED: dict[str, Pack] = {"gzip": targz_of, "zstd": frame, "not packed": lambda tar: tar}

packed = pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)


def opened(blob: bytes, folder: Path, *, media_type: str = "", annotations: Mapping[str, str] = EMPTY) -> Archive:
    means = Means(DictStore(), Spools(MappedFiles(folder, 1 << 20)), passes=Passes())
    archive = open_archive(BytesReader(blob), Descriptor(media_type, digest_of(blob), len(blob), annotations), means)
    assert archive is not None
    return archive


def names(archive: Archive) -> list[str]:
    return [entry.name for entry in archive.entries]


@packed
@pytest.mark.parametrize(
    "name", ["x" * 256, "d/" * 201 + "f", "/".join(["x" * 200] * 21)], ids=["long", "deep", "whole"]
)
def test_trap_09_an_impossible_name_costs_only_its_entry(pack: Pack, name: str, tmp_path: Path) -> None:
    tar = tar_of(file("a", b"1"), file(name, b"lost"), link("l", "t" * 5000), file("b", b"2"))
    archive = opened(pack(tar), tmp_path)

    assert names(archive) == ["a", "b"]
    assert archive.open(1).read_at(0, 10) == b"2"


@pytest.mark.parametrize(
    "header",
    [
        tar_of(file("a").with_records({"size": b"%d" % LARGE}), end=b""),
        tar_of(file("a").claiming(LARGE), form="gnu", end=b""),
    ],
    ids=["record", "base-256"],
)
def test_trap_10_sizes_above_8_gib_are_read_in_both_dialects(header: bytes) -> None:
    found = TarStream(io.BytesIO(header)).next()

    assert found is not None
    assert found.size == LARGE


@packed
def test_trap_13_a_plain_layer_shows_files_that_are_called_as_stargz_calls_its_own(pack: Pack, tmp_path: Path) -> None:
    archive = opened(pack(tar_of(*(file(name, b"mine") for name in OWN_FILES))), tmp_path)

    assert names(archive) == OWN_FILES
    assert archive.open(0).read_at(0, 10) == b"mine"


def test_trap_13_zstd_chunked_hides_them_at_the_root_only(tmp_path: Path) -> None:
    crafter = ZstdCrafter()
    for name in [*OWN_FILES, *(f"d/{name}" for name in OWN_FILES)]:
        crafter.file(name, b"x")
    blob, annotations = crafter.build()

    assert names(opened(blob, tmp_path, annotations=annotations)) == [f"d/{name}" for name in OWN_FILES]


@packed
def test_trap_21_attributes_of_overlayfs_are_not_shown(pack: Pack, tmp_path: Path) -> None:
    odd = file("f", b"1").with_xattrs({"trusted.overlay.opaque": b"y", "user.a": b"b"})

    assert dict(opened(pack(tar_of(odd)), tmp_path).entries[0].xattrs) == {"user.a": b"b"}


@pytest.mark.parametrize("offset", [1, 600, 700], ids=["in the header", "in the stream", "near the end"])
def test_trap_23_plain_gzip_that_ends_like_stargz_by_chance_is_plain_gzip(offset: int, tmp_path: Path) -> None:
    blob = targz_of(tar_of(dir_("d/"), file("d/f", bytes(range(256)) * 3))) + footer(offset)

    assert names(opened(blob, tmp_path)) == ["d/", "d/f"]


def blobs() -> dict[str, tuple[bytes, dict[str, str]]]:
    """A directory and a file in every format, with the annotations that go with it."""
    crafter = Crafter().dir("d/").file("d/f", b"content")
    tar = tar_of(dir_("d/"), file("d/f", b"content"))
    zstd, annotations = ZstdCrafter().dir("d/").file("d/f", b"content").build()
    return {
        "eStargz": (crafter.build(), {}),
        "stargz": (Crafter(footer=STARGZ_FOOTER).dir("d/").file("d/f", b"content").build(), {}),
        "zstd:chunked": (zstd, dict(annotations)),
        "zstd:chunked, by its footer": (zstd, {}),
        **{f"tar, {name}": (pack(tar), {}) for name, pack in PACKED.items()},
    }


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
@pytest.mark.parametrize(("blob", "annotations"), blobs().values(), ids=blobs())
def test_trap_26_a_format_is_told_by_evidence_never_by_the_media_type(
    blob: bytes, annotations: dict[str, str], media_type: str, tmp_path: Path
) -> None:
    archive = opened(blob, tmp_path, media_type=media_type, annotations=annotations)

    assert names(archive) == ["d/", "d/f"]
    assert archive.open(1).read_at(0, 100) == b"content"
