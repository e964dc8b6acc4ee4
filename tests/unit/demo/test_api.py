from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.oci import DOCKER_INDEX, DOCKER_MANIFEST, OCI_MANIFEST, Platform
from tests.support.http import Reply, fetch
from tests.unit.demo.conftest import BLOB

ACCEPT = {"Accept": OCI_MANIFEST}


def get(registry: DemoRegistry, path: str, headers: Mapping[str, str] | None = None) -> Reply:
    return fetch(registry.url + path, headers)


def errors_of(reply: Reply) -> list[str]:
    return [error["code"] for error in json.loads(reply.body)["errors"]]


def ask(registry: DemoRegistry, path: str) -> Any:
    return json.loads(get(registry, path).body)


def test_ping_tells_that_the_api_is_there(registry: DemoRegistry) -> None:
    assert get(registry, "/v2/").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/no/such/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/no/such/manifests/one", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/a/b/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/a/b/manifests/sha256:{'0' * 64}", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/a/b/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
        ("GET", f"/v2/no/such/blobs/sha256:{'0' * 64}", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/a/b/blobs/nonsense", 400, "DIGEST_INVALID"),
        ("GET", "/v2/_catalog?n=1001", 400, "PAGINATION_NUMBER_INVALID"),
        ("GET", "/elsewhere", 404, "UNSUPPORTED"),
        ("POST", "/v2/a/b/blobs/uploads/", 405, "UNSUPPORTED"),
        ("PUT", "/v2/a/b/manifests/one", 405, "UNSUPPORTED"),
        ("PATCH", "/v2/a/b/blobs/uploads/1", 405, "UNSUPPORTED"),
        ("DELETE", "/v2/a/b/manifests/one", 405, "UNSUPPORTED"),
    ],
)
def test_refusals_carry_the_codes_of_the_specification(
    registry: DemoRegistry, method: str, path: str, status: int, code: str
) -> None:
    reply = fetch(registry.url + path, ACCEPT, method=method)
    assert (reply.status, errors_of(reply)) == (status, [code])


def test_manifest_by_tag_and_by_digest_is_the_same(registry: DemoRegistry) -> None:
    by_tag = get(registry, "/v2/a/b/manifests/one", ACCEPT)
    digest = by_tag.headers["Docker-Content-Digest"]
    by_digest = get(registry, f"/v2/a/b/manifests/{digest}", ACCEPT)
    assert by_tag.body == by_digest.body
    assert digest == f"sha256:{hashlib.sha256(by_tag.body).hexdigest()}"
    assert by_tag.headers["Content-Type"] == OCI_MANIFEST
    assert by_tag.headers["ETag"] == f'"{digest}"'


def test_head_says_what_get_would_without_the_body(registry: DemoRegistry) -> None:
    got = get(registry, "/v2/a/b/manifests/one", ACCEPT)
    head = fetch(f"{registry.url}/v2/a/b/manifests/one", ACCEPT, method="HEAD")
    assert head.body == b""
    for name in ("Content-Length", "Docker-Content-Digest", "Content-Type"):
        assert head.headers[name] == got.headers[name]


def test_manifests_that_the_client_does_not_name_are_unknown(registry: DemoRegistry) -> None:
    for accept in ({}, {"Accept": "*/*"}, {"Accept": f"{DOCKER_MANIFEST}, {DOCKER_INDEX}"}):
        assert get(registry, "/v2/a/b/manifests/one", accept).status == 404
    assert get(registry, "/v2/a/b/manifests/one", {"Accept": f"text/html, {OCI_MANIFEST};q=0.5"}).status == 200


def test_a_docker_list_by_tag_becomes_its_amd64_image_for_clients_without_lists(registry: DemoRegistry) -> None:
    image = registry.add_manifest("a/b", None, {"schemaVersion": 2}, DOCKER_MANIFEST)
    entry = {"digest": str(image), "platform": {"os": "linux", "architecture": "amd64"}}
    registry.add_manifest("a/b", "list", {"manifests": [entry]}, DOCKER_INDEX)
    rewritten = get(registry, "/v2/a/b/manifests/list", {"Accept": DOCKER_MANIFEST})
    assert rewritten.headers["Docker-Content-Digest"] == str(image)
    whole = get(registry, "/v2/a/b/manifests/list", {"Accept": DOCKER_INDEX})
    assert whole.headers["Content-Type"] == DOCKER_INDEX


@pytest.mark.parametrize("quote", ['"', ""])
def test_known_manifests_are_not_sent_again(registry: DemoRegistry, quote: str) -> None:
    digest = get(registry, "/v2/a/b/manifests/one", ACCEPT).headers["Docker-Content-Digest"]
    reply = get(registry, "/v2/a/b/manifests/one", {**ACCEPT, "If-None-Match": f"{quote}{digest}{quote}"})
    assert (reply.status, reply.body) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "body"),
    [
        ("bytes=0-9", 206, "bytes 0-9/1024", BLOB[:10]),
        ("bytes=1000-", 206, "bytes 1000-1023/1024", BLOB[1000:]),
        ("bytes=1020-2000", 206, "bytes 1020-1023/1024", BLOB[1020:]),
        ("bytes=-4", 206, "bytes 1020-1023/1024", BLOB[-4:]),
        ("bytes=-4000", 206, "bytes 0-1023/1024", BLOB),
        ("bytes=1024-", 416, "bytes */1024", b""),
        ("bytes=0-1,4-5", 200, None, BLOB),
        ("lines=1-2", 200, None, BLOB),
    ],
)
def test_blobs_come_in_single_ranges(
    registry: DemoRegistry, blob_path: str, *, asked: str, status: int, content_range: str | None, body: bytes
) -> None:
    reply = get(registry, blob_path, {"Range": asked})
    assert (reply.status, reply.headers["Content-Range"], reply.body) == (status, content_range, body)


def test_head_of_a_blob_tells_its_size_and_that_ranges_work(registry: DemoRegistry, blob_path: str) -> None:
    reply = fetch(registry.url + blob_path, method="HEAD")
    assert (reply.status, reply.headers["Content-Length"], reply.headers["Accept-Ranges"]) == (200, "1024", "bytes")


def test_lists_name_tags_and_repositories(registry: DemoRegistry) -> None:
    assert ask(registry, "/v2/a/b/tags/list") == {"name": "a/b", "tags": ["one", "two"]}
    assert ask(registry, "/v2/_catalog") == {"repositories": ["a/b", "c"]}


@pytest.mark.parametrize(("path", "key"), [("/v2/paged/tags/list", "tags"), ("/v2/_catalog", "repositories")])
def test_pages_are_linked_until_the_last(registry: DemoRegistry, path: str, key: str) -> None:
    for number in range(5):
        registry.retag("paged", f"t{number}", registry.add_image(f"r{number}", "x", []))
    whole = ask(registry, path)[key]
    names, target = [], f"{path}?n=2"
    while target:
        reply = get(registry, target)
        names += json.loads(reply.body)[key]
        target = (reply.headers["Link"] or "").partition(">")[0].removeprefix("<")
    assert names == whole
    assert len(names) >= 5


def test_tags_move_and_go(registry: DemoRegistry) -> None:
    other = registry.add_image("a/b", None, [], config={"author": "other"})
    registry.retag("a/b", "one", other)
    assert get(registry, "/v2/a/b/manifests/one", ACCEPT).headers["Docker-Content-Digest"] == str(other)
    registry.remove_tag("a/b", "one")
    assert get(registry, "/v2/a/b/manifests/one", ACCEPT).status == 404


def test_an_index_describes_its_images(registry: DemoRegistry) -> None:
    image = registry.add_image("a/b", None, [])
    registry.add_index("a/b", "many", {Platform("linux", "arm64", "v8"): image})
    reply = get(registry, "/v2/a/b/manifests/many", {"Accept": "application/vnd.oci.image.index.v1+json"})
    [entry] = json.loads(reply.body)["manifests"]
    assert entry["digest"] == str(image)
    assert entry["platform"] == {"os": "linux", "architecture": "arm64", "variant": "v8"}


def test_an_image_s_config_lists_the_digests_of_its_layers_decompressed(registry: DemoRegistry) -> None:
    manifest = json.loads(get(registry, "/v2/a/b/manifests/one", ACCEPT).body)
    config = json.loads(get(registry, f"/v2/a/b/blobs/{manifest['config']['digest']}").body)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(bytes(1024)).hexdigest()}"]
