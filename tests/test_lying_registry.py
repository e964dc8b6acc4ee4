"""A registry that sends other bytes than its digests say: whatever it makes us show, no other registry's images do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from tests.support.archives import dir_, file, tar_of
from tests.support.site import Site, site
from tests.support.stargz import STARGZ_FOOTER, Crafter

NOISE = random.Random(17).randbytes(3 << 20)
TRUTH = b"the truth"
TAR = tar_of(dir_("etc/"), file("etc/f", TRUTH), file("noise", NOISE))
STARGZ = Crafter(footer=STARGZ_FOOTER, digests=False).dir("etc/").file("etc/f", TRUTH).file("noise", NOISE).build()


@pytest.fixture
def liar() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


@pytest.fixture
def honest() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


def both(liar: DemoRegistry, honest: DemoRegistry, folder: Path, **limits: int) -> Any:
    registries = {registry.host: {"scheme": "http"} for registry in (liar, honest)}
    return site(honest, folder, registries=registries, limits=limits)


def seen(crfs: Site, registry: DemoRegistry, name: str = "etc/f") -> tuple[int, bytes]:
    reply = crfs.get(f"/images/{registry.host}/my/app/1/{name}")
    return reply.status, reply.body


def add(blob: bytes, *registries: DemoRegistry) -> None:
    unknown = {"rootfs": {"type": "layers", "diff_ids": []}}
    for registry in registries:
        registry.add_image("my/app", "1", [(blob, {})], config=unknown)


def spoil(registry: DemoRegistry, at: int) -> None:
    registry.faults.path_contains = "/blobs/"
    registry.faults.flipped_bit, registry.faults.flip_at = ALWAYS, at


def test_of_a_large_tar_a_lie_stays_with_the_registry_that_told_it(
    liar: DemoRegistry, honest: DemoRegistry, tmp_path: Path
) -> None:
    add(TAR, liar, honest)
    spoil(liar, TAR.index(TRUTH))
    for _ in ("first", "restarted"):
        with both(liar, honest, tmp_path, verified_tar_bytes=0) as crfs:
            assert seen(crfs, liar) == (200, b"uhe truth")
            assert seen(crfs, honest) == (200, TRUTH)


def test_a_large_tar_that_is_broken_at_one_registry_is_whole_at_another(
    liar: DemoRegistry, honest: DemoRegistry, tmp_path: Path
) -> None:
    add(TAR, liar, honest)
    spoil(liar, TAR.index(b"noise"))  # in a header, whose checksum breaks
    with both(liar, honest, tmp_path, verified_tar_bytes=0) as crfs:
        assert seen(crfs, liar)[0] == 502
        assert seen(crfs, honest) == (200, TRUTH)


@pytest.mark.parametrize(("blob", "at"), [(TAR, 600), (STARGZ, len(STARGZ) - 100)], ids=["tar", "toc of stargz"])
def test_a_layer_that_is_broken_at_one_registry_is_whole_at_another(
    liar: DemoRegistry, honest: DemoRegistry, tmp_path: Path, blob: bytes, at: int
) -> None:
    add(blob, liar, honest)
    spoil(liar, at)
    with both(liar, honest, tmp_path) as crfs:
        assert seen(crfs, liar)[1] != TRUTH
        assert seen(crfs, honest) == (200, TRUTH)


def test_of_a_small_tar_no_lie_is_shown_at_all(liar: DemoRegistry, honest: DemoRegistry, tmp_path: Path) -> None:
    add(TAR, liar, honest)
    spoil(liar, TAR.index(TRUTH))
    with both(liar, honest, tmp_path) as crfs:
        assert seen(crfs, liar)[0] == 502
        assert seen(crfs, honest) == (200, TRUTH)
