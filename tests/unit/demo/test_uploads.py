from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

import pytest

from crfs_dav.demo.faults import Faults
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.demo.uploads import Writing
from crfs_dav.names import Digest, digest_of
from crfs_dav.oci import OCI_CONFIG, OCI_MANIFEST
from tests.support.http import Reply, fetch

BLOB = bytes(range(256)) * 8
DIGEST = digest_of(BLOB)
UPLOADS = "/v2/new/blobs/uploads/"


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry(writing=Writing()) as registry:
        registry.add_image("old", "x", [(BLOB, {})])
        yield registry


def ask(
    registry: DemoRegistry, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    return fetch(urljoin(registry.url, path), headers, method=method, body=body)


def begin(registry: DemoRegistry) -> str:
    return ask(registry, "POST", UPLOADS).headers["Location"]


def append(registry: DemoRegistry, location: str, start: int, end: int) -> Reply:
    return ask(registry, "PATCH", location, BLOB[start:end], {"Content-Range": f"{start}-{end - 1}"})


def finish(registry: DemoRegistry, location: str, body: bytes = b"", digest: Digest = DIGEST) -> Reply:
    return ask(registry, "PUT", f"{location}&digest={digest}", body)


def status(reply: Reply) -> tuple[int, str]:
    return reply.status, json.loads(reply.body)["errors"][0]["code"]


def stored(registry: DemoRegistry) -> bytes:
    return fetch(f"{registry.url}/v2/new/blobs/{DIGEST}").body


def test_a_blob_may_come_in_one_piece(registry: DemoRegistry) -> None:
    reply = finish(registry, begin(registry), BLOB)

    assert (reply.status, reply.headers["Location"]) == (201, f"/v2/new/blobs/{DIGEST}")
    assert stored(registry) == BLOB
    assert registry.open_uploads == 0


def test_a_blob_may_come_in_chunks_and_the_last_location_counts(registry: DemoRegistry) -> None:
    first = begin(registry)
    second = append(registry, first, 0, 1000)
    third = append(registry, second.headers["Location"], 1000, 2000)

    assert (second.status, second.headers["Range"]) == (202, "0-999")
    assert append(registry, first, 0, 1000).status == 404
    assert finish(registry, third.headers["Location"], BLOB[2000:]).status == 201
    assert stored(registry) == BLOB


def test_a_chunk_out_of_order_is_refused_with_the_progress(registry: DemoRegistry) -> None:
    location = append(registry, begin(registry), 0, 1000).headers["Location"]

    refused = append(registry, location, 500, 1500)

    assert (refused.status, refused.headers["Range"]) == (416, "0-999")
    assert append(registry, refused.headers["Location"], 1000, 1500).status == 202


def test_progress_can_be_asked_for(registry: DemoRegistry) -> None:
    location = append(registry, begin(registry), 0, 1000).headers["Location"]

    reply = ask(registry, "GET", location)

    assert (reply.status, reply.headers["Range"]) == (204, "0-999")


def test_a_cancelled_upload_is_unknown(registry: DemoRegistry) -> None:
    location = begin(registry)

    assert ask(registry, "DELETE", location).status == 204
    assert [status(ask(registry, method, location)) for method in ("GET", "PATCH", "DELETE")] == [
        (404, "BLOB_UPLOAD_UNKNOWN")
    ] * 3


def test_another_digest_is_refused(registry: DemoRegistry) -> None:
    assert status(finish(registry, begin(registry), BLOB[:-1])) == (400, "DIGEST_INVALID")
    assert fetch(f"{registry.url}/v2/new/blobs/{DIGEST}").status == 404


@pytest.mark.parametrize(("source", "expected"), [("old", 201), ("elsewhere", 202)])
def test_a_blob_is_mounted_from_a_repository_that_has_it(registry: DemoRegistry, source: str, expected: int) -> None:
    reply = ask(registry, "POST", f"{UPLOADS}?mount={DIGEST}&from={source}")

    assert reply.status == expected
    assert fetch(f"{registry.url}/v2/new/blobs/{DIGEST}").status == (200 if expected == 201 else 404)


def test_manifests_need_their_blobs_first(registry: DemoRegistry) -> None:
    descriptor = {"mediaType": OCI_CONFIG, "digest": str(DIGEST), "size": len(BLOB)}
    manifest = json.dumps({"config": descriptor, "layers": []}).encode()
    headers = {"Content-Type": OCI_MANIFEST}

    early = ask(registry, "PUT", "/v2/new/manifests/tag", manifest, headers)
    finish(registry, begin(registry), BLOB)
    late = ask(registry, "PUT", "/v2/new/manifests/tag", manifest, headers)

    assert status(early) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert (late.status, late.headers["Docker-Content-Digest"]) == (201, str(digest_of(manifest)))
    found = fetch(f"{registry.url}/v2/new/manifests/tag", {"Accept": OCI_MANIFEST})
    assert (found.body, found.headers["Content-Type"]) == (manifest, OCI_MANIFEST)


@pytest.mark.parametrize(
    ("writing", "size", "expected"),
    [
        (Writing(largest_chunk=100), 101, 416),
        (Writing(largest_chunk=100), 100, 202),
        (Writing(largest_body=100), 101, 413),
    ],
)
def test_limits_are_kept(registry: DemoRegistry, writing: Writing, size: int, expected: int) -> None:
    registry.writing = writing
    assert append(registry, begin(registry), 0, size).status == expected


def test_habits_of_answers(registry: DemoRegistry) -> None:
    registry.writing = Writing(absolute_locations=True, smallest_chunk=500, tells_progress=False, mounts=False)

    begun = ask(registry, "POST", f"{UPLOADS}?mount={DIGEST}&from=old")

    assert begun.status == 202
    assert begun.headers["Location"].startswith(f"{registry.url}/v2/new/")
    assert begun.headers["OCI-Chunk-Min-Length"] == "500"
    assert append(registry, begun.headers["Location"], 0, 1000).headers["Range"] == "0-0"


@pytest.mark.parametrize(("keeps", "expected"), [(True, (204, "0-299")), (False, (404, None))])
def test_what_came_before_a_break_is_kept_or_not(
    registry: DemoRegistry, *, keeps: bool, expected: tuple[int, str | None]
) -> None:
    registry.writing = Writing(keeps_broken_uploads=keeps)
    registry.faults = Faults(cut_upload=1, cut_at=300)
    location = begin(registry)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        append(registry, location, 0, 1000)

    reply = ask(registry, "GET", location)
    assert (reply.status, reply.headers["Range"]) == expected


def test_a_lost_answer_is_to_something_done(registry: DemoRegistry) -> None:
    location = begin(registry)
    registry.faults.lost_answer = 1

    with pytest.raises(http.client.RemoteDisconnected):
        finish(registry, location, BLOB)

    assert stored(registry) == BLOB


def test_faults_may_wait_for_a_method(registry: DemoRegistry) -> None:
    registry.faults = Faults(refused_digest=1, method="PUT")
    location = begin(registry)
    assert status(finish(registry, location, BLOB)) == (400, "DIGEST_INVALID")


def test_who_may_not_write_is_told(registry: DemoRegistry) -> None:
    registry.writing = None
    assert ask(registry, "POST", UPLOADS).status == 405
