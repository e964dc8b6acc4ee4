"""Layers that cannot be read: shown as what they are, with the reason; the image goes on without them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import Corrupt, NotFound
from crfs_dav.names import digest_of
from crfs_dav.namespace.incomplete import IncompleteDirectory
from crfs_dav.tree.static import StaticDirectory, StaticFile
from tests.support.archives import dir_, file, tar_of, targz_of
from tests.support.images import NOISE, Layer, add_layers, layer_of
from tests.support.site import Site, site
from tests.support.zstdchunked import frame

BROKEN: Layer = (targz_of(tar_of(file("etc/lost", b"lost")))[:-20], {})
LOWER = layer_of(dir_("etc/"), file("etc/kept", b"kept"))
UPPER = layer_of(dir_("etc/"), file("etc/new", b"new"), dir_("opt/"))


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


@pytest.fixture
def crfs(registry: DemoRegistry, tmp_path: Path) -> Iterator[Site]:
    with site(registry, tmp_path) as crfs:
        yield crfs


def image(registry: DemoRegistry, *layers: Layer) -> str:
    add_layers(registry, "my/image", "v1", *layers)
    return f"/images/{registry.host}/my/image/v1"


def test_the_other_layers_are_merged(crfs: Site, registry: DemoRegistry) -> None:
    root = image(registry, LOWER, BROKEN, UPPER)

    assert sorted(crfs.names(f"{root}/")) == ["README.txt", "etc/", "opt/"]
    assert sorted(crfs.names(f"{root}/etc/")) == ["kept", "new"]
    assert crfs.get(f"{root}/etc/kept").body == b"kept"


def test_the_image_says_which_layer_is_missing_and_why(crfs: Site, registry: DemoRegistry) -> None:
    text = crfs.get(f"{image(registry, LOWER, BROKEN, UPPER)}/README.txt").body.decode()

    assert f"layer 1 of 0 to 2: {digest_of(BROKEN[0])}" in text
    assert "gzip member: no end; expected a whole member" in text


def test_the_layer_is_its_blob_beside_the_reason(crfs: Site, registry: DemoRegistry) -> None:
    layer = image(registry, LOWER, BROKEN).replace("/images/", "/layers/") + "/1"
    name = digest_of(BROKEN[0]).file_name

    assert crfs.names(f"{layer}/") == ["README.txt", name]
    assert crfs.get(f"{layer}/{name}").body == BROKEN[0]
    assert b"gzip member: no end" in crfs.get(f"{layer}/README.txt").body


@pytest.mark.parametrize("path", ["nope", "etc/lost", "etc/nope", "opt/deep/down", "etc/kept/x"])
def test_what_may_be_in_the_missing_layer_is_an_error_and_not_not_found(
    crfs: Site, registry: DemoRegistry, path: str
) -> None:
    expected = 404 if path == "etc/kept/x" else 502  # below a file there is nothing
    assert crfs.status(f"{image(registry, LOWER, BROKEN, UPPER)}/{path}") == expected


@pytest.mark.parametrize("path", ["desktop.ini", "etc/._kept", "etc/.DS_Store"])
def test_what_only_systems_ask_for_is_not_found(crfs: Site, registry: DemoRegistry, path: str) -> None:
    assert crfs.status(f"{image(registry, LOWER, BROKEN)}/{path}") == 404


def test_an_image_with_a_readme_of_its_own_keeps_it(crfs: Site, registry: DemoRegistry) -> None:
    root = image(registry, layer_of(file("README.txt", b"own")), BROKEN)

    assert crfs.get(f"{root}/README.txt").body == b"own"
    assert b"gzip member" in crfs.get(f"{root}/README-crfs.txt").body


def test_an_image_of_broken_layers_only_is_its_reasons(crfs: Site, registry: DemoRegistry) -> None:
    root = image(registry, BROKEN)

    assert crfs.names(f"{root}/") == ["README.txt"]
    assert crfs.status(f"{root}/etc/lost") == 502


def test_a_broken_layer_is_not_read_again_for_each_who_asks(crfs: Site, registry: DemoRegistry) -> None:
    root = image(registry, LOWER, BROKEN)
    crfs.names(f"{root}/")
    registry.clear_requests()

    crfs.status(f"{root}/nope")
    crfs.names(f"{root.replace('/images/', '/layers/')}/1/")
    assert registry.requests == []


def test_what_has_healed_is_whole_again_after_a_while(registry: DemoRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crfs_dav.images.store._FLAW_SECONDS", 1.0)
    root = image(registry, LOWER, UPPER)
    registry.faults.path_contains = str(digest_of(UPPER[0]))
    registry.faults.flipped_bit = 3  # what follows the first reading too, and the one as a tar
    with site(registry) as crfs:
        assert sorted(crfs.names(f"{root}/")) == ["README.txt", "etc/"]
        deadline = time.monotonic() + 10
        while "opt/" not in crfs.names(f"{root}/"):
            assert time.monotonic() < deadline

        assert sorted(crfs.names(f"{root}/")) == ["etc/", "opt/"]


def test_a_layer_too_large_for_the_spool_says_so_and_does_not_ask_to_come_back(
    registry: DemoRegistry, tmp_path: Path
) -> None:
    blob = frame(tar_of(file("f", NOISE)))
    root = image(registry, LOWER, (blob, {}))
    with site(registry, cache={"directory": str(tmp_path), "spool_bytes": 1000}) as crfs:
        text = crfs.get(f"{root.replace('/images/', '/layers/')}/1/README.txt").body
        assert crfs.get(f"{root}/etc/kept").body == b"kept"

    assert b"spool: more than 1000 bytes; expected fewer, or more of them in spool_bytes" in text


def test_a_toc_that_is_broken_leaves_the_tar_that_it_is_in(
    crfs: Site, registry: DemoRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    _, other = layer_of(file("f", b"other"))
    root = image(registry, (LOWER[0], other))

    with caplog.at_level(logging.WARNING):
        assert crfs.get(f"{root}/etc/kept").body == b"kept"
    assert len([record for record in caplog.records if "as the tar that it also is" in record.message]) == 1


def test_directories_below_are_incomplete_too() -> None:
    tree = StaticDirectory({"d": StaticDirectory({"f": StaticFile(b"f")})})
    below = IncompleteDirectory(tree, "layer x").lookup("d")

    assert isinstance(below, IncompleteDirectory)
    assert list(below.children()) == ["f"]
    assert below.entry == tree.lookup("d").entry
    with pytest.raises(Corrupt, match="layer x"):
        below.lookup("nope")
    with pytest.raises(NotFound):
        below.lookup(".DS_Store")


def test_a_layer_over_a_bound_says_which_and_the_image_stays_usable(registry: DemoRegistry, tmp_path: Path) -> None:
    many = layer_of(*(file(f"{number}", b"") for number in range(20)))
    root = image(registry, LOWER, many)
    with site(registry, tmp_path, limits={"entries": 10}) as crfs:
        text = crfs.get(f"{root.replace('/images/', '/layers/')}/1/README.txt").body
        assert crfs.get(f"{root}/etc/kept").body == b"kept"

    assert b"more than 10 entries; expected fewer" in text


def test_layers_beyond_the_entries_of_an_image_are_left_out_of_it_only(registry: DemoRegistry) -> None:
    root = image(registry, LOWER, UPPER, layer_of(file("top", b"top")))
    with site(registry, limits={"image_entries": 4}) as crfs:
        assert sorted(crfs.names(f"{root}/")) == ["README.txt", "etc/"]
        assert b"image_entries" in crfs.get(f"{root}/README.txt").body
        assert crfs.get(f"{root.replace('/images/', '/layers/')}/2/top").body == b"top"
