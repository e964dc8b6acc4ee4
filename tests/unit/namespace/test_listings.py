"""What a directory above an image costs, and shows, by the way in which its registry lists; and while it is down."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from tests.support.archives import file
from tests.support.images import add_layers, layer_of
from tests.support.site import asked, site


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        for name in ("own/app", "own/app/deep/er", "own/tool"):
            add_layers(registry, name, "v1", layer_of(file("f", name.encode())))
        yield registry


def _settings(registry: DemoRegistry, listing: str, **more: Any) -> dict[str, Any]:
    url = {"listing_url": registry.url} if listing in ("hub", "gitlab") else {}
    return {"registries": {registry.host: {"scheme": "http", "listing": listing, **url, **more}}}


def _references(names: list[str]) -> list[str]:
    """The names without those of digests."""
    return [name for name in names if not name.startswith("sha256-")]


def test_google_lists_a_repository_and_its_digests_without_asking_for_each_tag(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(listing="google")
    with site(registry, **_settings(registry, "google")) as crfs:
        names = crfs.names(f"/layers/{registry.host}/own/app/")

    assert _references(names) == ["deep/", "v1/"]
    assert len(names) == 3
    assert asked(registry) == ["HEAD own/manifests/app", "GET own/app/tags/list"]


@pytest.mark.parametrize(
    ("listing", "requests"),
    [
        ("google", ["GET own/tags/list"]),  # which tells the tags too
        ("hub", ["GET namespaces/own/repositories", "GET own/tags/list"]),
        ("quay", ["GET /api/v1/repository", "GET own/tags/list"]),
        ("harbor", ["GET _catalog", "GET /api/v2.0/projects/own/repositories", "GET own/tags/list"]),
        ("gitlab", ["GET /api/v4/groups/own/registry/repositories", "GET own/tags/list"]),
        ("catalog", ["GET _catalog", "GET own/tags/list"]),
    ],
)
def test_an_owner_lists_its_repositories(listing: str, requests: list[str], registry: DemoRegistry) -> None:
    registry.dialect = Dialect(listing=listing if listing != "catalog" else "")  # type: ignore[arg-type]
    with site(registry, **_settings(registry, listing)) as crfs:
        assert crfs.names(f"/layers/{registry.host}/own/") == ["app/", "tool/"]

    assert asked(registry) == requests


@pytest.mark.parametrize(
    ("listing", "names", "reason"),
    [
        ("hub", ["library/", "README.txt"], b"lists the repositories of a namespace, but no namespaces"),
        ("quay", ["README.txt"], b"lists the public repositories of a namespace, but no namespaces"),
        ("gitlab", ["README.txt"], b"lists the public repositories of a group, but no groups"),
        ("none", ["README.txt"], b"has no list of repositories"),
    ],
)
def test_a_registry_that_lists_no_owners_says_why_and_is_not_asked(
    listing: str, names: list[str], reason: bytes, registry: DemoRegistry
) -> None:
    with site(registry, **_settings(registry, listing)) as crfs:
        assert crfs.names(f"/layers/{registry.host}/") == names
        assert reason in crfs.get(f"/layers/{registry.host}/README.txt").body

    assert registry.requests == []


@pytest.mark.parametrize("listing", ["none", "hub", "quay", "harbor", "gitlab", "google", "catalog"])
def test_configured_names_are_always_listed(listing: str, registry: DemoRegistry) -> None:
    registry.dialect = Dialect(catalog_status=404)
    with site(registry, **_settings(registry, listing, repositories=["some/where"])) as crfs:
        assert "some/" in crfs.names(f"/layers/{registry.host}/")


@pytest.mark.parametrize("listing", ["none", "hub", "quay", "harbor", "gitlab", "google", "catalog"])
@pytest.mark.parametrize("name", ["top", "own/app", "own/tool/kit", "own/other/deep/er", "a/b/c/d/e"])
def test_every_name_is_there_when_it_is_typed(listing: str, name: str, registry: DemoRegistry) -> None:
    add_layers(registry, name, "v9", layer_of(file("d/f", b"typed")))
    registry.dialect = Dialect(listing=listing if listing not in ("catalog", "none") else "")  # type: ignore[arg-type]
    with site(registry, **_settings(registry, listing)) as crfs:
        assert crfs.get(f"/images/{registry.host}/{name}/v9/d/f").body == b"typed"


def test_a_list_that_breaks_off_shows_what_came_and_says_so(registry: DemoRegistry) -> None:
    for number in range(1001):
        registry.add_manifest(f"own/r{number:04}", "v1", b"{}", "application/json")
    with site(registry) as crfs:
        registry.dialect = Dialect(paging="broken")
        names = crfs.names(f"/layers/{registry.host}/own/")
        why = crfs.get(f"/layers/{registry.host}/README.txt").body

    assert "r0100/" in names
    assert b"the list broke off" in why


def _paths(registry: DemoRegistry) -> list[str]:
    tail = f"{registry.host}/own"
    return [f"/layers/{tail}/", f"/layers/{tail}/app/", f"/layers/{tail}/app/v1/", f"/images/{tail}/app/v1/"]


def test_what_was_seen_keeps_working_while_the_registry_is_down(
    registry: DemoRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with site(registry, tag_ttl_seconds=0) as crfs:
        before = [crfs.names(path) for path in _paths(registry)]
        registry.faults.broken = ALWAYS
        with caplog.at_level(logging.WARNING):
            after = [crfs.names(path) for path in _paths(registry)]
        unseen = crfs.status(f"/images/{registry.host}/own/tool/v1/")

    assert after == before
    assert unseen == 503
    said = [record.getMessage() for record in caplog.records if "showing what was seen" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith(f"registry {registry.host}: ")


def test_a_registry_that_is_back_is_asked_again(registry: DemoRegistry) -> None:
    with site(registry, tag_ttl_seconds=0) as crfs:
        crfs.names(f"/layers/{registry.host}/own/app/")
        registry.faults.broken = ALWAYS
        crfs.names(f"/layers/{registry.host}/own/app/")
        registry.faults.broken = 0
        add_layers(registry, "own/app", "v2", layer_of(file("f", b"")))

        assert "v2/" in crfs.names(f"/layers/{registry.host}/own/app/")


def test_a_name_that_was_listed_stays_a_name(registry: DemoRegistry) -> None:
    """A tag of the same name does not take its place only because the listing has grown old."""
    add_layers(registry, "own/app", "deep", layer_of(file("f", b"tag")))
    with site(registry, tag_ttl_seconds=0) as crfs:
        crfs.names(f"/layers/{registry.host}/own/app/")

        assert crfs.get(f"/images/{registry.host}/own/app/deep/er/v1/f").body == b"own/app/deep/er"
        assert crfs.get(f"/images/{registry.host}/own/app/@deep/f").body == b"tag"
