"""What the registry is asked, request by request: cold, warm, shared, renewed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from urllib3 import HTTPConnectionPool

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Digest, Reference, parse_digest, parse_registry, parse_repository
from crfs_dav.oci import OCI_MANIFEST, Platform
from crfs_dav.registry.connect import open_client
from crfs_dav.registry.connection import put_below
from crfs_dav.registry.settings import RegistrySettings
from tests.support.http import fetch
from tests.support.images import NOISE, add_layers, base_layer, upper_layer
from tests.support.link import Speed, link
from tests.support.site import asked, site

OS_RELEASE = "/images/{host}/my/ubuntu/18.04/etc/os-release"


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    """A registry with a two-layer image whose file contents lie outside the first read of a layer's tail."""
    with DemoRegistry() as registry:
        add_layers(registry, "my/ubuntu", "18.04", base_layer(), upper_layer())
        yield registry


def resolve(registry: DemoRegistry, tag: str) -> Digest:
    """What `tag` of the image names; nothing of it is recorded."""
    reply = fetch(f"{registry.url}/v2/my/ubuntu/manifests/{tag}", {"Accept": OCI_MANIFEST}, method="HEAD")
    registry.clear_requests()
    return parse_digest(str(reply.headers["Docker-Content-Digest"]))


def test_first_file_of_a_cold_image_costs_tag_manifest_tails_and_one_range(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        assert crfs.get(OS_RELEASE.format(host=registry.host)).status == 200

    assert sorted(asked(registry)) == [
        "GET my/ubuntu/blobs/sha256 *",
        "GET my/ubuntu/blobs/sha256 *",
        "GET my/ubuntu/blobs/sha256 *",
        "GET my/ubuntu/manifests/sha256",
        "HEAD my/ubuntu/manifests/18.04",
    ]


def test_first_file_of_a_cold_image_waits_four_times_for_the_registry(registry: DemoRegistry) -> None:
    """Tag, manifest, the tails of both layers at once, one range; the delay is what makes "at once" be seen."""
    registry.faults.delay_seconds = 0.3
    with link(registry.host, Speed()) as wire, site(registry, registries={wire.host: {"scheme": "http"}}) as crfs:
        assert crfs.get(OS_RELEASE.format(host=wire.host)).status == 200

        passed = wire.passed

    assert (len(passed.requests), passed.depth) == (5, 4)


def test_a_registry_that_redirects_costs_one_request_more_a_blob(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(redirects_blobs=True)
    with site(registry) as crfs:
        crfs.get(OS_RELEASE.format(host=registry.host))
        registry.clear_requests()

        crfs.get(f"/images/{registry.host}/my/ubuntu/18.04/usr/noise")

    assert [request.path.split("/")[1] for request in registry.requests] == ["storage"]


def test_ten_clients_of_one_cold_file_cost_what_one_costs(registry: DemoRegistry) -> None:
    registry.faults.delay_seconds = 0.05
    with site(registry) as crfs, ThreadPoolExecutor(10) as clients:
        replies = list(clients.map(crfs.get, [OS_RELEASE.format(host=registry.host)] * 10))

    assert {reply.body for reply in replies} == {b"NAME=base\n"}
    assert len(registry.requests) == 5


def test_the_same_file_again_costs_nothing(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.get(OS_RELEASE.format(host=registry.host))
        registry.clear_requests()

        crfs.get(OS_RELEASE.format(host=registry.host))

    assert asked(registry) == []


def test_another_file_costs_one_range(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.get(OS_RELEASE.format(host=registry.host))
        registry.clear_requests()

        crfs.get(f"/images/{registry.host}/my/ubuntu/18.04/usr/noise")

    assert asked(registry) == ["GET my/ubuntu/blobs/sha256 *"]


def test_a_small_file_beside_one_that_was_read_costs_nothing(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.get(OS_RELEASE.format(host=registry.host))
        registry.clear_requests()

        assert crfs.get(f"/images/{registry.host}/my/ubuntu/18.04/etc/passwd").status == 200

    assert asked(registry) == []


def test_a_part_of_a_file_that_was_read_costs_nothing(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        path = f"/images/{registry.host}/my/ubuntu/18.04/usr/noise"
        crfs.get(path)
        registry.clear_requests()

        assert crfs.get(path, range="bytes=1000000-1000099").body == NOISE[1000000:1000100]

    assert asked(registry) == []


def test_after_the_tags_lifetime_one_head_is_asked(registry: DemoRegistry) -> None:
    with site(registry, tag_ttl_seconds=0) as crfs:
        crfs.get(OS_RELEASE.format(host=registry.host))
        registry.clear_requests()

        crfs.get(OS_RELEASE.format(host=registry.host))

    assert asked(registry) == ["HEAD my/ubuntu/manifests/18.04"]


def test_a_moved_tag_shows_its_new_image(registry: DemoRegistry) -> None:
    with site(registry, tag_ttl_seconds=0) as crfs:
        before = crfs.get(OS_RELEASE.format(host=registry.host))
        add_layers(registry, "my/ubuntu", "18.04", base_layer(os_release=b"moved"))

        after = crfs.get(OS_RELEASE.format(host=registry.host))

    assert (before.body == after.body, after.body) == (False, b"moved")


def test_a_second_image_that_shares_a_layer_reads_only_its_own(registry: DemoRegistry) -> None:
    add_layers(registry, "my/ubuntu", "20.04", base_layer(), upper_layer(b"other"))
    with site(registry) as crfs:
        crfs.get(OS_RELEASE.format(host=registry.host))
        registry.clear_requests()

        crfs.get(f"/images/{registry.host}/my/ubuntu/20.04/etc/os-release")

    assert asked(registry) == [
        "HEAD my/ubuntu/manifests/20.04",
        "GET my/ubuntu/manifests/sha256",
        "GET my/ubuntu/blobs/sha256 *",
    ]


def test_listing_a_layer_opens_no_other(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.names(f"/layers/{registry.host}/my/ubuntu/18.04/0/")

    assert asked(registry).count("GET my/ubuntu/blobs/sha256 *") == 1


def test_a_directory_of_the_image_costs_no_content(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.names(f"/images/{registry.host}/my/ubuntu/18.04/etc/")

    assert asked(registry).count("GET my/ubuntu/blobs/sha256 *") == 2


def test_a_restarted_server_asks_only_what_the_tag_means(registry: DemoRegistry, tmp_path: Path) -> None:
    for _ in range(2):
        registry.clear_requests()
        with site(registry, tmp_path) as crfs:
            tail = f"{registry.host}/my/ubuntu/18.04"
            for path in (f"/images/{tail}/etc/os-release", f"/layers/{tail}/config", f"/layers/{tail}/manifest"):
                assert crfs.get(path).status == 200

    assert asked(registry) == ["HEAD my/ubuntu/manifests/18.04"]


def test_no_manifest_is_got_by_tag_and_none_twice(registry: DemoRegistry, tmp_path: Path) -> None:
    """A GET of a manifest is a pull, of which Docker Hub allows some in six hours; a HEAD is not."""
    registry.add_index("my/ubuntu", "all", {Platform("linux", "amd64"): resolve(registry, "18.04")})
    for _ in range(3):
        with site(registry, tmp_path, tag_ttl_seconds=0) as crfs:
            for tag in ("18.04", "all"):
                crfs.names(f"/layers/{registry.host}/my/ubuntu/{tag}/")
                crfs.get(f"/images/{registry.host}/my/ubuntu/{tag}/etc/passwd")

    pulls = [r.path for r in registry.requests if r.method == "GET" and "/manifests/" in r.path]
    assert (len(pulls), len(set(pulls))) == (2, 2)
    assert all("sha256:" in path for path in pulls)


def test_a_second_server_on_the_same_folder_shares_what_the_first_has(registry: DemoRegistry, tmp_path: Path) -> None:
    with site(registry, tmp_path) as one, site(registry, tmp_path) as other:
        one.get(OS_RELEASE.format(host=registry.host))
        registry.clear_requests()

        assert other.get(OS_RELEASE.format(host=registry.host)).status == 200

    assert "GET my/ubuntu/blobs/sha256 *" not in asked(registry)


@pytest.mark.parametrize("level", ["", "{host}/", "{host}/my/", "{host}/my/ubuntu/"])
@pytest.mark.parametrize("probe", ["._my", ".DS_Store", "desktop.ini", "Thumbs.db", "mach_kernel", "autorun.inf"])
def test_probes_of_systems_above_an_image_ask_nobody(registry: DemoRegistry, level: str, probe: str) -> None:
    with site(registry) as crfs:
        for view in ("images", "layers"):
            assert crfs.status(f"/{view}/{level.format(host=registry.host)}{probe}") == 404

    assert asked(registry) == []


def test_a_restarted_server_opens_layers_from_their_kept_columns(registry: DemoRegistry, tmp_path: Path) -> None:
    for _ in range(2):
        registry.clear_requests()
        with site(registry, tmp_path) as crfs:
            crfs.names(f"/layers/{registry.host}/my/ubuntu/18.04/0/")
        for folder in tmp_path.glob("sha256-*"):
            shutil.rmtree(folder)  # the ranges of the blob

    assert "GET my/ubuntu/blobs/sha256 *" not in asked(registry)


def test_a_second_connection_is_opened_while_the_manifest_comes(registry: DemoRegistry) -> None:
    with (
        link(registry.host, Speed()) as wire,
        open_client(RegistrySettings(schemes={parse_registry(wire.host): "http"})) as client,
    ):
        repository = parse_repository(parse_registry(wire.host), "my/ubuntu")
        descriptor = client.resolve(Reference(repository, tag="18.04"))
        before = wire.passed.connections
        client.manifest(repository, descriptor)
        deadline = time.monotonic() + 10
        while wire.passed.connections < 2 and time.monotonic() < deadline:
            time.sleep(0.01)

        assert (before, wire.passed.connections, wire.requests) == (1, 2, 2)


def test_a_new_connection_is_taken_after_the_one_that_was_used() -> None:
    pool = HTTPConnectionPool("127.0.0.1", maxsize=4)
    used, new = pool._get_conn(), pool._get_conn()
    pool._put_conn(used)

    put_below(pool, new)

    assert [pool._get_conn() for _ in range(2)] == [used, new]
    assert pool.pool is not None
    assert pool.pool.qsize() == 2
