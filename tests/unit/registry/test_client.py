from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

import pytest

from crfs_dav.demo.exchange import Answer, Request
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.names import Digest, Reference, digest_of, parse_reference
from crfs_dav.oci import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Descriptor, Index, Manifest, Platform
from tests.support.scripted import Script, Scripted, in_turn, lines
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

DOCUMENT = json.dumps(
    {"config": {"mediaType": "c", "digest": f"sha256:{'1' * 64}", "size": 2}, "layers": []},
).encode()
DIGEST = digest_of(DOCUMENT)
DESCRIBED = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(DIGEST)}


def _reference(host: str, text: str = "a:v1") -> Reference:
    return parse_reference(f"{host}/{text}")


def _by_method(head: Answer, get: Answer) -> Script:
    return lambda request: head if request.method == "HEAD" else get


def test_image_by_tag_takes_one_head_and_one_get(registry: DemoRegistry, client_of: OpenClient) -> None:
    digest = registry.add_image("my/ubuntu", "18.04", [(b"layer", {"key": "value"})])
    reference = _reference(registry.host, "my/ubuntu:18.04")
    client = client_of(registry.host)

    descriptor = client.resolve(reference)
    manifest = client.manifest(reference.repository, descriptor)

    assert (descriptor.digest, descriptor.media_type) == (digest, OCI_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert [layer.annotations for layer in manifest.layers] == [{"key": "value"}]
    assert descriptor.size == len(manifest.document)
    manifests = "/v2/my/ubuntu/manifests"
    assert lines(registry.requests) == [f"HEAD {manifests}/18.04", f"GET {manifests}/{digest}"]


def test_index_is_an_index(registry: DemoRegistry, client_of: OpenClient) -> None:
    image = registry.add_image("a", None, [])
    registry.add_index("a", "v1", {Platform("linux", "arm64"): image})
    reference = _reference(registry.host)
    client = client_of(registry.host)

    descriptor = client.resolve(reference)
    index = client.manifest(reference.repository, descriptor)

    assert descriptor.media_type == OCI_INDEX
    assert isinstance(index, Index)
    assert [entry.digest for entry in index.manifests] == [image]


@pytest.mark.parametrize("text", ["a:v2", "b:v1", f"a@sha256:{'0' * 64}"])
def test_what_is_not_there_is_not_found_by_one_request(
    text: str, registry: DemoRegistry, client_of: OpenClient
) -> None:
    registry.add_image("a", "v1", [])

    with pytest.raises(NotFound):
        client_of(registry.host).resolve(_reference(registry.host, text))
    assert [request.method for request in registry.requests] == ["HEAD"]


def test_digest_is_resolved_by_head(registry: DemoRegistry, client_of: OpenClient) -> None:
    digest = registry.add_image("a", None, [])

    assert client_of(registry.host).resolve(_reference(registry.host, f"a@{digest}")).digest == digest
    assert lines(registry.requests) == [f"HEAD /v2/a/manifests/{digest}"]


@pytest.mark.parametrize(
    "head",
    [
        Answer(405),
        Answer(501),
        Answer(400),
        Answer(200, {"Content-Type": OCI_MANIFEST, "Content-Length": "9"}),
        Answer(200, {**DESCRIBED, "Content-Length": "many"}),
        Answer(200, {**DESCRIBED, "Content-Length": "0"}),
        Answer(200, {"Content-Length": "9", "Docker-Content-Digest": "blake3:abc"}),
    ],
)
def test_head_that_says_too_little_is_followed_by_get(head: Answer, scripted: Serve, client_of: OpenClient) -> None:
    get = Answer(200, {"Content-Type": f"{DOCKER_MANIFEST}; charset=utf-8"}, DOCUMENT)
    server = scripted(_by_method(head, get))

    descriptor = client_of(server.host).resolve(_reference(server.host))

    assert descriptor == Descriptor(DOCKER_MANIFEST, DIGEST, len(DOCUMENT))
    assert [request.method for request in server.requests] == ["HEAD", "GET"]


def test_digest_needs_no_header_to_be_resolved(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {"Content-Length": "9"})))

    descriptor = client_of(server.host).resolve(_reference(server.host, f"a@{DIGEST}"))

    assert descriptor == Descriptor("", DIGEST, 9)
    assert len(server.requests) == 1


def test_head_of_another_digest_than_asked_is_corrupt(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {**DESCRIBED, "Content-Length": "9"})))

    with pytest.raises(Corrupt, match="registry says sha256:"):
        client_of(server.host).resolve(_reference(server.host, f"a@sha256:{'0' * 64}"))


def test_all_types_of_manifest_are_accepted(registry: DemoRegistry, client_of: OpenClient) -> None:
    registry.add_image("a", "v1", [])

    client_of(registry.host).resolve(_reference(registry.host))

    assert registry.requests[0].headers["Accept"] == (
        "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json,"
        " application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    )


def _descriptor(digest: Digest = DIGEST) -> Descriptor:
    return Descriptor(OCI_MANIFEST, digest, len(DOCUMENT))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_manifest_is_checked_against_its_digest(algorithm: str, scripted: Serve, client_of: OpenClient) -> None:
    digest = Digest(algorithm, hashlib.new(algorithm, DOCUMENT).hexdigest())
    server = scripted(in_turn(Answer(200, {}, DOCUMENT), Answer(200, {}, DOCUMENT + b" ")))
    client, repository = client_of(server.host), _reference(server.host).repository

    assert client.manifest(repository, _descriptor(digest)).document == DOCUMENT
    with pytest.raises(Corrupt, match=f"bytes with another digest; expected {digest}"):
        client.manifest(repository, _descriptor(digest))


def test_manifest_of_no_known_shape_is_corrupt(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {}, b"{}")))

    with pytest.raises(Corrupt):
        client_of(server.host).manifest(_reference(server.host).repository, _descriptor(digest_of(b"{}")))


def test_manifest_of_any_size_takes_bounded_memory(scripted: Serve, client_of: OpenClient) -> None:
    endless = Answer(200, {"Content-Length": str(1 << 40)}, b" " * (17 << 20), cut_at=17 << 20, silent=True)
    server = scripted(in_turn(endless))

    with pytest.raises(Corrupt, match="more than 16777216 bytes"):
        client_of(server.host).manifest(_reference(server.host).repository, _descriptor())


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Answer(401), AccessDenied), (Answer(403), AccessDenied), (Answer(500), Unavailable), (Answer(503), Unavailable)],
)
def test_registry_that_says_no(answer: Answer, error: type[CrfsError], scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(answer))

    with pytest.raises(error):
        client_of(server.host).resolve(_reference(server.host))


def test_throttled_registry_says_for_how_long(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(429, {"Retry-After": "21600"})))

    with pytest.raises(Unavailable) as caught:
        client_of(server.host).resolve(_reference(server.host))

    assert caught.value.retry_after_seconds == 21600
    assert len(server.requests) == 1


def test_dead_registry_is_unavailable_at_once(client_of: OpenClient) -> None:
    with DemoRegistry() as registry:
        client, reference = client_of(registry.host), _reference(registry.host)
    began = time.monotonic()

    with pytest.raises(Unavailable, match="Connection refused"):
        client.resolve(reference)

    assert time.monotonic() - began < 1


def test_silent_registry_is_unavailable_in_bounded_time(scripted: Serve, client_of: OpenClient) -> None:
    def script(request: Request) -> Answer:
        time.sleep(0.5)
        return Answer(200)

    server = scripted(script)
    client = client_of(server.host, read_seconds=0.1, deadline_seconds=0.25)
    began = time.monotonic()

    with pytest.raises(Unavailable, match="no answer in time"):
        client.resolve(_reference(server.host))

    assert time.monotonic() - began < 0.5


def test_small_blob_is_read_whole_and_checked(registry: DemoRegistry, client_of: OpenClient) -> None:
    registry.add_image("a", "v1", [])
    digest = registry.add_blob(b"config")
    repository = _reference(registry.host).repository
    client = client_of(registry.host)

    assert client.read_blob(repository, Descriptor("", digest, 6), 6) == b"config"
    assert lines(registry.requests) == [f"GET /v2/a/blobs/{digest} bytes=0-5"]


def test_blob_over_its_limit_is_refused_without_asking(registry: DemoRegistry, client_of: OpenClient) -> None:
    client, repository = client_of(registry.host), _reference(registry.host).repository

    with pytest.raises(Corrupt, match="7 bytes; expected at most 6"):
        client.read_blob(repository, Descriptor("", DIGEST, 7), 6)
    assert registry.requests == []


def test_blob_with_another_digest_is_corrupt(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(206, {"Content-Range": "bytes 0-4/5"}, b"other")))

    with pytest.raises(Corrupt, match=f"expected {DIGEST}"):
        client_of(server.host).read_blob(_reference(server.host).repository, Descriptor("", DIGEST, 5), 10)


def test_empty_blob_is_checked_without_asking(registry: DemoRegistry, client_of: OpenClient) -> None:
    client, repository = client_of(registry.host), _reference(registry.host).repository

    assert client.read_blob(repository, Descriptor("", digest_of(b""), 0), 10) == b""
    with pytest.raises(Corrupt):
        client.read_blob(repository, Descriptor("", DIGEST, 0), 10)
    assert registry.requests == []
