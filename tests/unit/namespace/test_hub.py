"""Docker Hub's names: two components, official images with or without `library/`, several hosts that are one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import DOCKER_HUB, Registry
from tests.support.archives import dir_, file
from tests.support.images import add_layers, layer_of
from tests.support.site import Site, asked, site


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoRegistry]:
    """A registry that answers in Docker Hub's place."""
    with DemoRegistry(dialect=Dialect(listing="hub", catalog_status=401)) as registry:
        hosts = property(lambda self: registry.host if self.host == DOCKER_HUB else str(self))
        monkeypatch.setattr(Registry, "api_host", hosts)
        add_layers(registry, "library/ubuntu", "18.04", layer_of(dir_("etc/"), file("etc/passwd", b"official")))
        add_layers(registry, "me/tool", "v1", layer_of(dir_("etc/"), file("etc/passwd", b"mine")))
        yield registry


@pytest.fixture
def crfs(hub: DemoRegistry) -> Iterator[Site]:
    settings = {"docker.io": {"scheme": "http", "listing": "hub", "listing_url": hub.url}}
    with site(hub, registries=settings) as crfs:
        yield crfs


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
@pytest.mark.parametrize(
    ("name", "content"), [("library/ubuntu/18.04", b"official"), ("ubuntu/18.04", b"official"), ("me/tool/v1", b"mine")]
)
def test_images_are_read_under_all_their_names(crfs: Site, host: str, name: str, content: bytes) -> None:
    assert crfs.get(f"/images/{host}/{name}/etc/passwd").body == content


def test_all_hosts_are_listed_as_one(crfs: Site) -> None:
    crfs.get("/images/index.docker.io/me/tool/v1/etc/passwd")

    assert crfs.names("/images/") == ["docker.io/"]


def test_a_cold_file_costs_one_pull(crfs: Site, hub: DemoRegistry) -> None:
    crfs.get("/images/docker.io/library/ubuntu/18.04/etc/passwd")

    assert asked(hub) == [
        "HEAD library/ubuntu/manifests/18.04",
        "GET library/ubuntu/manifests/sha256",
        "GET library/ubuntu/blobs/sha256 *",
    ]


def test_without_library_it_costs_one_head_more(crfs: Site, hub: DemoRegistry) -> None:
    crfs.get("/images/docker.io/ubuntu/18.04/etc/passwd")

    assert asked(hub)[:2] == ["HEAD ubuntu/18.04/manifests/etc", "HEAD library/ubuntu/manifests/18.04"]
    assert len(asked(hub)) == 4


def test_namespaces_are_listed_by_the_web_sites_api(crfs: Site, hub: DemoRegistry) -> None:
    assert crfs.names("/layers/docker.io/library/") == ["ubuntu/"]
    assert crfs.names("/layers/docker.io/me/") == ["tool/"]
    assert "GET namespaces/library/repositories" in asked(hub)
    assert "GET namespaces/me/repositories" in asked(hub)


def test_looking_around_is_no_pull(crfs: Site, hub: DemoRegistry) -> None:
    for path in ("", "library/", "library/ubuntu/", "me/", "me/tool/"):
        crfs.names(f"/layers/docker.io/{path}")

    assert not [request for request in asked(hub) if request.startswith("GET") and "/manifests/" in request]


@pytest.mark.parametrize("path", ["library/nope/v1/etc/passwd", "nope/v1/etc/passwd", "me/tool/v2/etc/passwd"])
def test_what_is_not_there_is_not_found(crfs: Site, path: str) -> None:
    assert crfs.get(f"/images/docker.io/{path}").status == 404
