"""The big image in the forms that other people's tools give it: file by file what umoci unpacks.

All lie in a local folder; of what a registry holds too, a part is read from there: it costs a request for each file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import Served
from tests.support.clients import curl
from tests.support.crfs_server import crfs_server
from tests.support.expected import differences, expected_view, part_of
from tests.support.machine import run
from tests.support.real_registry import RealRegistry
from tests.support.variants import SAVED, SAVED_TAG, ZSTD_CHUNKED, variants_of

_LOCAL = {
    "OCI layout": "layout/plain",
    "docker save": f"{SAVED}/{SAVED_TAG}",
    **{tag: f"{layout}/{tag}" for tag, layout in ZSTD_CHUNKED.items()},
}


@pytest.fixture(scope="module")
def variants(debian: Served, registry: RealRegistry) -> Path:
    return variants_of(debian.image, registry)


@pytest.fixture(scope="module")
def local(variants: Path, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with crfs_server(registry.host, tmp_path_factory.mktemp("local"), "--local", str(variants)) as url:
        yield url


@pytest.mark.parametrize("path", _LOCAL.values(), ids=_LOCAL)
def test_a_local_image_is_what_umoci_unpacks(debian: Served, local: str, tmp_path: Path, path: str) -> None:
    assert differences(debian.expected, curl.view(f"{local}/images/local/{path}", tmp_path)) == []


@pytest.mark.parametrize(("tag", "layout"), ZSTD_CHUNKED.items(), ids=ZSTD_CHUNKED)
def test_zstd_chunked_of_a_registry_is_what_umoci_unpacks(
    debian: Served, variants: Path, registry: RealRegistry, server: str, tmp_path: Path, tag: str, layout: str
) -> None:
    registry.push(variants / layout, tag, debian.image.repository)
    path = f"{registry.host}/{debian.image.repository}/{tag}"
    manifest = json.loads(run(["curl", "-sSf", f"{server}/layers/{path}/manifest"]))
    assert all("zstd-chunked" in "".join(layer["annotations"]) for layer in manifest["layers"])

    seen = curl.view(f"{server}/images/{path}/etc", tmp_path)
    assert differences(part_of(debian.expected, "etc"), seen) == []


def test_a_local_layer_is_the_archive_as_it_is(debian: Served, local: str, tmp_path: Path) -> None:
    top = debian.image.plain_layers()[-1]
    layer = tmp_path / "layer"
    layer.mkdir()
    run(["tar", "-xzf", top, "-C", layer])

    assert differences(expected_view(layer), curl.view(f"{local}/layers/local/{SAVED}/{SAVED_TAG}/top", tmp_path)) == []
