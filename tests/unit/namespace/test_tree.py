"""The tree that clients see: what is where, and what a name means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from crfs_dav.oci import OCI_MANIFEST, Platform
from tests.support.archives import dir_, file, tar_of, whiteout
from tests.support.images import add_layers, layer_of
from tests.support.site import Site, asked, site
from tests.support.zstdchunked import frame


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        add_layers(
            registry,
            "my/ubuntu",
            "18.04",
            layer_of(dir_("etc/"), file("etc/passwd", b"root"), file("etc/old", b"old")),
            layer_of(dir_("etc/"), whiteout("etc/old"), file("etc/new", b"new")),
        )
        yield registry


@pytest.fixture
def crfs(registry: DemoRegistry) -> Iterator[Site]:
    with site(registry) as crfs:
        yield crfs


def test_root_shows_both_views_and_a_readme(crfs: Site) -> None:
    assert crfs.names("/") == ["README-crfs.txt", "layers/", "images/"]
    assert b"/layers/REGISTRY/OWNER/IMAGE/TAG/" in crfs.get("/README-crfs.txt").body


def test_names_lead_from_registry_to_owner_to_image(crfs: Site, registry: DemoRegistry) -> None:
    host = registry.host

    assert crfs.names("/layers/") == [f"{host}/"]
    assert crfs.names(f"/layers/{host}/") == ["my/"]
    assert crfs.names(f"/layers/{host}/my/") == ["ubuntu/"]


def test_repository_shows_tags_and_the_digests_they_name(crfs: Site, registry: DemoRegistry) -> None:
    manifest = crfs.get(f"/layers/{registry.host}/my/ubuntu/18.04/manifest").body

    assert crfs.names(f"/layers/{registry.host}/my/ubuntu/") == ["18.04/", f"{digest_of(manifest).file_name}/"]


def test_reference_shows_layers_by_number_digest_and_place(crfs: Site, registry: DemoRegistry) -> None:
    names = crfs.names(f"/layers/{registry.host}/my/ubuntu/18.04/")

    digests = [name for name in names if name.startswith("sha256-")]
    assert sorted(set(names) - set(digests)) == ["0/", "1/", "bottom/", "config", "manifest", "top/"]
    assert len(digests) == 2


def test_bottom_shows_the_root_file_system(crfs: Site, registry: DemoRegistry) -> None:
    assert crfs.get(f"/layers/{registry.host}/my/ubuntu/18.04/bottom/etc/passwd").body == b"root"


def test_a_layer_shows_its_whiteouts_and_a_merged_image_does_not(crfs: Site, registry: DemoRegistry) -> None:
    tail = f"{registry.host}/my/ubuntu/18.04"

    assert sorted(crfs.names(f"/layers/{tail}/top/etc/")) == [".wh.old", "new"]
    assert sorted(crfs.names(f"/images/{tail}/etc/")) == ["new", "passwd"]


def test_config_and_manifest_are_the_stored_json(crfs: Site, registry: DemoRegistry) -> None:
    for name in ("config", "manifest"):
        reply = crfs.get(f"/layers/{registry.host}/my/ubuntu/18.04/{name}")

        assert json.loads(reply.body)
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["etag"] == f'"{digest_of(reply.body)}"'


def test_a_layer_by_digest_is_the_layer_by_number(crfs: Site, registry: DemoRegistry) -> None:
    tail = f"/layers/{registry.host}/my/ubuntu/18.04"
    manifest = json.loads(crfs.get(f"{tail}/manifest").body)
    digest = manifest["layers"][1]["digest"].replace(":", "-")

    assert crfs.names(f"{tail}/{digest}/etc/") == crfs.names(f"{tail}/1/etc/")


@pytest.mark.parametrize("spelling", ["18.04", "@18.04", "digest"])
def test_an_image_is_reached_by_tag_marked_tag_and_digest(crfs: Site, registry: DemoRegistry, spelling: str) -> None:
    manifest = crfs.get(f"/layers/{registry.host}/my/ubuntu/18.04/manifest").body
    name = digest_of(manifest).file_name if spelling == "digest" else spelling

    assert crfs.get(f"/images/{registry.host}/my/ubuntu/{name}/etc/passwd").body == b"root"


@pytest.mark.parametrize("spelling", ["[::1]:5000", "[::1]_5000", "[2001:DB8::1]", "localhost_5000", "LOCALHOST:5000"])
def test_any_spelling_of_a_registry_is_a_directory_without_asking(crfs: Site, spelling: str) -> None:
    assert crfs.status(f"/layers/{spelling}/") == 207
    assert crfs.status(f"/layers/{spelling}/my/") == 207


def test_a_registry_is_reached_without_its_colon(crfs: Site, registry: DemoRegistry) -> None:
    assert crfs.get(f"/images/{registry.host.replace(':', '_')}/my/ubuntu/18.04/etc/passwd").body == b"root"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/layers/nothing",
        "/layers/{host}/Not-Legal",
        "/layers/{host}/no/such",
        "/layers/{host}/no/such/18.04",
        "/layers/{host}/my/nope",
        "/layers/{host}/my/ubuntu/nope",
        "/layers/{host}/my/ubuntu/@nope",
        "/layers/{host}/my/ubuntu/@",
        "/layers/{host}/my/ubuntu/sha256-" + "0" * 64,
        "/layers/{host}/my/ubuntu/README.txt",
        "/layers/{host}/my/ubuntu/18.04/2",
        "/layers/{host}/my/ubuntu/18.04/0/nope",
        "/layers/{host}/my/ubuntu/18.04/0/etc/passwd/x",
        "/images/{host}/my/ubuntu/18.04/etc/old",
        "/images/{host}/my/ubuntu/18.04/0",
        "/images/{host}/my/ubuntu/18.04/nope/deep/down",
    ],
)
def test_what_is_not_there_is_not_found(crfs: Site, registry: DemoRegistry, path: str) -> None:
    assert crfs.status(path.format(host=registry.host)) == 404


@pytest.mark.parametrize("name", ["top", "a/b/c", "a/b/c/d/e"])
def test_repositories_of_any_depth_are_listed_and_read(crfs: Site, registry: DemoRegistry, name: str) -> None:
    add_layers(registry, name, "v1", layer_of(file("f", b"deep")))

    assert crfs.get(f"/images/{registry.host}/{name}/v1/f").body == b"deep"
    assert crfs.names(f"/images/{registry.host}/{name}/")[0] == "v1/"


def test_a_longer_name_wins_over_a_tag_and_the_tag_is_marked(crfs: Site, registry: DemoRegistry) -> None:
    add_layers(registry, "my/ubuntu/18.04", "v1", layer_of(file("f", b"longer")))

    assert crfs.names(f"/images/{registry.host}/my/ubuntu/")[:2] == ["18.04/", "@18.04/"]
    assert crfs.get(f"/images/{registry.host}/my/ubuntu/18.04/v1/f").body == b"longer"
    assert crfs.get(f"/images/{registry.host}/my/ubuntu/@18.04/etc/passwd").body == b"root"


def test_an_image_of_one_component_is_read_after_its_tag_was_taken_for_a_name(
    crfs: Site, registry: DemoRegistry
) -> None:
    add_layers(registry, "single", "v1", layer_of(dir_("a/"), file("a/f", b"one"), file("a/g", b"two")))

    assert crfs.get(f"/images/{registry.host}/single/v1/a/f").body == b"one"
    registry.clear_requests()
    assert crfs.status(f"/images/{registry.host}/single/v1/a/g") == 207
    assert asked(registry) == []


def test_machinery_is_not_listed_but_reached(crfs: Site, registry: DemoRegistry) -> None:
    add_layers(registry, "my/ubuntu", f"sha256-{'0' * 64}.sig", layer_of(file("f", b"signature")))
    add_layers(registry, "my/ubuntu", f"sha256-{'1' * 64}", layer_of(file("f", b"referrers")))

    names = crfs.names(f"/layers/{registry.host}/my/ubuntu/")
    assert [name for name in names if "0000" in name or "1111" in name] == []
    assert crfs.get(f"/images/{registry.host}/my/ubuntu/@sha256-{'1' * 64}/f").body == b"referrers"
    assert crfs.status(f"/images/{registry.host}/my/ubuntu/sha256-{'1' * 64}/f") == 404


def test_digests_are_not_listed_above_the_limit(registry: DemoRegistry) -> None:
    add_layers(registry, "my/ubuntu", "20.04", layer_of(file("f", b"")))
    with site(registry, listed_digests=1) as crfs:
        assert crfs.names(f"/layers/{registry.host}/my/ubuntu/") == ["18.04/", "20.04/"]

    assert not any(request.startswith("HEAD my/ubuntu/") for request in asked(registry))


def test_configured_repositories_are_listed(registry: DemoRegistry) -> None:
    registries = {registry.host: {"scheme": "http", "repositories": ["some/where/else"]}}
    with site(registry, registries=registries) as crfs:
        assert sorted(crfs.names(f"/layers/{registry.host}/")) == ["my/", "some/"]
        assert crfs.names(f"/layers/{registry.host}/some/where/") == ["else/"]


def test_a_layer_that_is_not_lazy_is_its_blob_and_a_reason(crfs: Site, registry: DemoRegistry) -> None:
    blob = frame(tar_of(file("f", b"plain")))
    add_layers(registry, "my/plain", "v1", (blob, {}), layer_of(file("g", b"lazy")))
    tail = f"{registry.host}/my/plain/v1"

    assert crfs.names(f"/layers/{tail}/0/") == ["README.txt", digest_of(blob).file_name]
    assert crfs.get(f"/layers/{tail}/0/{digest_of(blob).file_name}").body == blob
    assert b"ctr-remote" in crfs.get(f"/layers/{tail}/0/README.txt").body
    assert crfs.get(f"/layers/{tail}/1/g").body == b"lazy"
    assert crfs.names(f"/images/{tail}/") == ["README.txt", "g"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("values.yaml", "values.yaml"),
        ("../../etc/passwd", "passwd"),
        ("/a/b\\c", "c"),
        ("..", None),
        ("a\nb", None),
        ("", None),
        ("x" * 256, None),
        ("manifest", None),
    ],
)
def test_an_artifact_is_a_file_named_after_its_title(
    crfs: Site, registry: DemoRegistry, title: str, name: str | None
) -> None:
    content = b"key: value"
    descriptor = {
        "mediaType": "application/vnd.example",
        "digest": str(registry.add_blob(content)),
        "size": len(content),
        "annotations": {"org.opencontainers.image.title": title},
    }
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(registry.add_blob(b"{}")), "size": 2}
    manifest = {"schemaVersion": 2, "config": empty, "layers": [descriptor]}
    registry.add_manifest("my/artifact", "v1", manifest, OCI_MANIFEST)
    expected = name or digest_of(content).file_name

    assert sorted(crfs.names(f"/layers/{registry.host}/my/artifact/v1/")) == sorted(["config", "manifest", expected])
    assert crfs.get(f"/images/{registry.host}/my/artifact/v1/{expected}").body == content


@pytest.fixture
def two_platforms(registry: DemoRegistry) -> DemoRegistry:
    images = {
        Platform("linux", architecture, variant): add_layers(
            registry, "my/multi", None, layer_of(file("arch", architecture.encode()))
        )
        for architecture, variant in (("amd64", ""), ("arm64", "v8"))
    }
    registry.add_index("my/multi", "v1", images)
    return registry


def test_an_index_shows_its_platforms_beside_the_default_ones_layers(crfs: Site, two_platforms: DemoRegistry) -> None:
    tail = f"/layers/{two_platforms.host}/my/multi/v1"

    names = crfs.names(f"{tail}/")
    assert {"linux-amd64/", "linux-arm64-v8/", "0/", "bottom/", "top/", "config", "manifest"} <= set(names)
    assert crfs.get(f"{tail}/0/arch").body == b"amd64"
    assert crfs.get(f"{tail}/linux-arm64-v8/0/arch").body == b"arm64"
    assert "manifests" in json.loads(crfs.get(f"{tail}/manifest").body)


@pytest.mark.parametrize(("platform", "content"), [("linux/amd64", b"amd64"), ("linux/arm64/v8", b"arm64")])
def test_a_merged_index_is_the_configured_platforms(two_platforms: DemoRegistry, platform: str, content: bytes) -> None:
    with site(two_platforms, platform=platform) as crfs:
        assert crfs.get(f"/images/{two_platforms.host}/my/multi/v1/arch").body == content


def test_a_platform_that_an_index_lacks_is_not_found(two_platforms: DemoRegistry) -> None:
    with site(two_platforms, platform="plan9/mips") as crfs:
        assert crfs.status(f"/images/{two_platforms.host}/my/multi/v1/arch") == 404
        assert "linux-amd64/" in crfs.names(f"/layers/{two_platforms.host}/my/multi/v1/")


def test_open_to_the_network_only_named_registries_are_reached(registry: DemoRegistry) -> None:
    settings: dict[str, Any] = {"host": "0.0.0.0", "anonymous": True, "registries": {registry.host: {"scheme": "http"}}}
    with DemoRegistry() as other, site(registry, **settings) as crfs:
        assert crfs.status(f"/images/{registry.host}/my/ubuntu/18.04/etc/passwd") == 207
        assert crfs.status(f"/images/{other.host}/my/ubuntu/18.04/etc/passwd") == 403

        assert other.requests == []


def test_a_registry_that_was_used_is_listed(registry: DemoRegistry) -> None:
    with DemoRegistry() as other, site(registry) as crfs:
        add_layers(other, "some/where", "v1", layer_of(file("f", b"")))
        crfs.get(f"/images/{other.host}/some/where/v1/f")

        assert crfs.names("/images/") == [f"{registry.host}/", f"{other.host}/"]


@pytest.fixture
def silent(registry: DemoRegistry) -> DemoRegistry:
    """A registry that lists no repositories."""
    registry.dialect = Dialect(catalog_status=404)
    return registry


def test_a_registry_without_a_listing_says_why_and_shows_what_was_used(crfs: Site, silent: DemoRegistry) -> None:
    assert crfs.names(f"/layers/{silent.host}/") == ["README.txt"]
    assert b"does not list what it holds" in crfs.get(f"/layers/{silent.host}/README.txt").body

    crfs.get(f"/layers/{silent.host}/my/ubuntu/18.04/0/etc/passwd")

    assert crfs.names(f"/layers/{silent.host}/") == ["my/", "README.txt"]
    assert crfs.names(f"/layers/{silent.host}/my/") == ["ubuntu/", "README.txt"]


@pytest.mark.parametrize("name", ["top", "my/other", "a/b/c/d"])
def test_a_registry_without_a_listing_is_read_by_typed_names(crfs: Site, silent: DemoRegistry, name: str) -> None:
    add_layers(silent, name, "v1", layer_of(dir_("d/"), file("d/f", b"typed")))

    assert crfs.get(f"/images/{silent.host}/{name}/v1/d/f").body == b"typed"


@pytest.mark.parametrize("path", ["my/ubuntu/nope", "my/ubuntu/nope/etc/passwd", "no/such/18.04/etc/passwd"])
def test_what_is_not_there_is_not_found_without_a_listing_either(crfs: Site, silent: DemoRegistry, path: str) -> None:
    assert crfs.get(f"/images/{silent.host}/{path}").status == 404


def test_a_no_without_a_listing_is_forbidden(crfs: Site, silent: DemoRegistry) -> None:
    silent.faults.denied = ALWAYS

    assert crfs.get(f"/images/{silent.host}/my/ubuntu/18.04/etc/passwd").status == 403


def test_a_deep_path_that_leads_nowhere_costs_a_bounded_number_of_requests(crfs: Site, silent: DemoRegistry) -> None:
    assert crfs.get(f"/images/{silent.host}/" + "x/" * 60 + "y").status == 404
    assert len(silent.requests) < 40
