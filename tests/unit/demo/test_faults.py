from __future__ import annotations

import hashlib
import http.client
import time

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.faults import ALWAYS, Faults
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.oci import OCI_MANIFEST
from tests.support.http import Reply, fetch
from tests.unit.demo.conftest import BLOB

RANGE = {"Range": "bytes=100-199"}
WANTED = BLOB[100:200]
MANIFEST = "/v2/a/b/manifests/one"


def blob_part(registry: DemoRegistry, path: str) -> Reply:
    return fetch(registry.url + path, RANGE)


def manifest(registry: DemoRegistry) -> Reply:
    return fetch(registry.url + MANIFEST, {"Accept": OCI_MANIFEST})


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        (Faults(denied=1), 403),
        (Faults(unauthorized=1), 401),
        (Faults(throttled=1), 429),
        (Faults(broken=1), 503),
        (Faults(broken=1, broken_status=500), 500),
    ],
)
def test_refusals_come_instead_of_the_answer_once(registry: DemoRegistry, faults: Faults, status: int) -> None:
    registry.faults = faults
    assert [fetch(f"{registry.url}/v2/").status for _ in range(2)] == [status, 200]


def test_401_of_a_fault_holds_no_challenge(registry: DemoRegistry) -> None:
    registry.faults.unauthorized = 1
    assert fetch(f"{registry.url}/v2/").headers["WWW-Authenticate"] is None


def test_throttling_says_when_to_come_back(registry: DemoRegistry) -> None:
    registry.faults = Faults(throttled=1, retry_after="7")
    assert fetch(f"{registry.url}/v2/").headers["Retry-After"] == "7"


def test_hanging_up_gives_no_answer_at_all(registry: DemoRegistry) -> None:
    registry.faults.hung_up = 1
    with pytest.raises(http.client.RemoteDisconnected):
        fetch(f"{registry.url}/v2/")


def test_always_is_every_time(registry: DemoRegistry) -> None:
    registry.faults.broken = ALWAYS
    assert {fetch(f"{registry.url}/v2/").status for _ in range(5)} == {503}


def test_only_the_paths_that_are_meant_are_spoiled(registry: DemoRegistry) -> None:
    registry.faults = Faults(broken=1, path_contains="tags")
    assert fetch(f"{registry.url}/v2/").status == 200
    assert fetch(f"{registry.url}/v2/a/b/tags/list").status == 503


def test_ignored_range_gives_the_whole_blob(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults.ignored_range = 1
    spoiled, right = blob_part(registry, blob_path), blob_part(registry, blob_path)
    assert (spoiled.status, spoiled.body) == (200, BLOB)
    assert (right.status, right.body) == (206, WANTED)


def test_wrong_content_range_tells_of_other_bytes(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults.wrong_content_range = 1
    reply = blob_part(registry, blob_path)
    assert (reply.status, reply.headers["Content-Range"], reply.body) == (206, "bytes 200-299/1024", WANTED)


def test_short_body_ends_before_its_content_length(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults.short_body = 2
    for _ in range(2):
        with pytest.raises(http.client.IncompleteRead) as error:
            blob_part(registry, blob_path)
        assert (error.value.partial, error.value.expected) == (WANTED[:10], 90)
    assert blob_part(registry, blob_path).body == WANTED


def test_stalled_body_falls_silent_until_the_server_closes(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults.stalled_body = 1
    connection = http.client.HTTPConnection(registry.host, timeout=0.1)
    connection.request("GET", blob_path, headers=RANGE)
    response = connection.getresponse()
    assert response.read(10) == WANTED[:10]
    with pytest.raises(TimeoutError):
        response.read(1)
    started = time.monotonic()
    registry.close()
    assert time.monotonic() - started < 1
    response.close()
    connection.close()


def test_long_body_has_more_than_was_asked(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults.long_body = 1
    reply = blob_part(registry, blob_path)
    assert (reply.headers["Content-Range"], reply.body) == ("bytes 100-199/1024", WANTED + bytes(16))


def test_flipped_bit_is_one_bit(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults.flipped_bit = 1
    body = blob_part(registry, blob_path).body
    assert [position for position in range(100) if body[position] != WANTED[position]] == [50]
    assert blob_part(registry, blob_path).body == WANTED


def test_flipped_bit_waits_for_an_answer_that_holds_its_byte(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults = Faults(flipped_bit=1, flip_at=205)
    assert blob_part(registry, blob_path).body == WANTED
    body = fetch(registry.url + blob_path, {"Range": "bytes=200-"}).body
    assert body[5] == BLOB[205] ^ 1
    assert body[6:] == BLOB[206:]


def test_wrong_manifest_has_not_its_digest(registry: DemoRegistry) -> None:
    registry.faults.wrong_manifest = 1
    reply = manifest(registry)
    assert reply.headers["Docker-Content-Digest"] != f"sha256:{hashlib.sha256(reply.body).hexdigest()}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_wrong_digest_header_is_of_something_else(registry: DemoRegistry, method: str) -> None:
    right = manifest(registry).headers["Docker-Content-Digest"]
    registry.faults.wrong_digest_header = 1
    reply = fetch(registry.url + MANIFEST, {"Accept": OCI_MANIFEST}, method=method)
    assert reply.status == 200
    assert reply.headers["Docker-Content-Digest"] != right


def test_delay_comes_before_the_answer(registry: DemoRegistry) -> None:
    registry.faults.delay_seconds = 0.05
    started = time.monotonic()
    assert fetch(f"{registry.url}/v2/").status == 200
    assert time.monotonic() - started >= 0.05


def test_blob_faults_wait_for_the_answer_after_a_redirect(registry: DemoRegistry, blob_path: str) -> None:
    registry.dialect = Dialect(redirects_blobs=True)
    registry.faults = Faults(ignored_range=1, long_body=1)
    location = blob_part(registry, blob_path).headers["Location"]
    assert fetch(location, RANGE).body == BLOB + bytes(16)


def test_head_does_not_use_up_what_spoils_bodies(registry: DemoRegistry, blob_path: str) -> None:
    registry.faults.flipped_bit = 1
    fetch(registry.url + blob_path, method="HEAD")
    assert fetch(registry.url + blob_path).body != BLOB
