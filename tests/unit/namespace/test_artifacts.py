"""What registries hold besides images: charts, signatures, models; and layers whose type says nothing or lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from crfs_dav.oci import DOCKER_CONFIG, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST
from tests.support.archives import dir_, file, tar_of, targz_of
from tests.support.site import Site, site

CHART = targz_of(tar_of(dir_("app/"), file("app/Chart.yaml", b"name: app")))
TITLE = "org.opencontainers.image.title"
HELM = "application/vnd.cncf.helm"
EMPTY = "application/vnd.oci.empty.v1+json"


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


@pytest.fixture
def crfs(registry: DemoRegistry, tmp_path: Path) -> Iterator[Site]:
    with site(registry, tmp_path) as crfs:
        yield crfs


def add(registry: DemoRegistry, config: str, *layers: tuple[bytes, str, str]) -> str:
    """Path of a new artifact, below `/images/` and `/layers/`; of each layer its content, its type and its title."""

    def described(content: bytes, media_type: str, title: str = "") -> dict[str, Any]:
        descriptor = {"mediaType": media_type, "digest": str(registry.add_blob(content)), "size": len(content)}
        return descriptor | ({"annotations": {TITLE: title}} if title else {})

    manifest = {"schemaVersion": 2, "config": described(b"{}", config), "layers": [described(*each) for each in layers]}
    registry.add_manifest("my/artifact", "v1", manifest, OCI_MANIFEST)
    return f"{registry.host}/my/artifact/v1"


def test_a_chart_is_a_tree_beside_its_provenance(crfs: Site, registry: DemoRegistry) -> None:
    content = (CHART, f"{HELM}.chart.content.v1.tar+gzip", "")
    tail = add(registry, f"{HELM}.config.v1+json", content, (b"signed", f"{HELM}.chart.provenance.v1.prov", "app.prov"))

    assert sorted(crfs.names(f"/images/{tail}/")) == ["app.prov", "app/"]
    assert crfs.get(f"/images/{tail}/app/Chart.yaml").body == b"name: app"
    assert crfs.get(f"/images/{tail}/app.prov").body == b"signed"
    assert crfs.status(f"/images/{tail}/nope") == 404
    assert {"0/", "app.prov"} <= set(crfs.names(f"/layers/{tail}/"))


@pytest.mark.parametrize(
    ("config", "media_type"),
    [
        (OCI_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json"),
        (OCI_CONFIG, "application/vnd.in-toto+json"),
        (OCI_CONFIG, "application/vnd.module.wasm.content.layer.v1+wasm"),
        (EMPTY, "application/vnd.cncf.model.weight.v1.raw"),
        (EMPTY, "application/octet-stream"),
        (EMPTY, "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("title", ["", "dir/model.bin"])
def test_what_says_that_it_is_no_archive_is_a_file_and_is_not_opened(
    crfs: Site, registry: DemoRegistry, config: str, media_type: str, title: str
) -> None:
    tail = add(registry, config, (b"content", media_type, title))
    name = "model.bin" if title else digest_of(b"content").file_name

    assert crfs.names(f"/images/{tail}/") == [name]
    assert name in crfs.names(f"/layers/{tail}/")
    assert not any("/blobs/" in request.path for request in registry.requests)
    assert crfs.get(f"/images/{tail}/{name}").body == b"content"


@pytest.mark.parametrize("config", [OCI_CONFIG, DOCKER_CONFIG])
@pytest.mark.parametrize("media_type", ["", "application/octet-stream", "application/x-gzip", OCI_LAYER_GZIP])
@pytest.mark.parametrize("content", [CHART, tar_of(dir_("app/"), file("app/Chart.yaml", b"name: app"))])
def test_a_layer_of_an_image_is_told_by_its_bytes_whatever_its_type(
    crfs: Site, registry: DemoRegistry, config: str, media_type: str, content: bytes
) -> None:
    tail = add(registry, config, (content, media_type, ""))

    assert crfs.get(f"/images/{tail}/app/Chart.yaml").body == b"name: app"
    assert crfs.get(f"/layers/{tail}/0/app/Chart.yaml").body == b"name: app"


def test_a_file_that_is_pushed_under_a_layers_type_is_a_file(crfs: Site, registry: DemoRegistry) -> None:
    media_type = "application/vnd.oci.image.layer.v1.tar"  # what ORAS gives to files, where nobody says more
    tail = add(registry, EMPTY, (b"hello", media_type, "artifact.txt"))

    assert crfs.names(f"/images/{tail}/") == ["artifact.txt"]
    assert crfs.names(f"/layers/{tail}/0/") == ["README.txt", "artifact.txt"]
    assert crfs.get(f"/images/{tail}/artifact.txt").body == b"hello"


def test_a_layer_that_is_no_archive_and_should_be_is_missing(crfs: Site, registry: DemoRegistry) -> None:
    tail = add(registry, OCI_CONFIG, (b"hello", OCI_LAYER_GZIP, ""))

    assert crfs.names(f"/images/{tail}/") == ["README.txt"]
    assert b"no tar, packed or not, by its bytes" in crfs.get(f"/images/{tail}/README.txt").body
