"""The client against the demo registry's habits and faults, request by request: two readings of one specification."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.names import Digest, Reference, parse_reference
from crfs_dav.oci import Descriptor, Manifest
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.credentials.secret import IdentityToken, Login
from tests.support.scripted import lines
from tests.unit.registry.conftest import OpenClient

DATA = bytes(range(256)) * 40
SIZE = len(DATA)


@dataclass(frozen=True)
class Held:
    """A registry with one image whose only layer is `DATA`, and a client of it."""

    registry: DemoRegistry
    client: RegistryClient
    manifest: Digest
    layer: Descriptor

    @property
    def reference(self) -> Reference:
        return parse_reference(f"{self.registry.host}/a:v1")

    def read(self, offset: int = 0, size: int = 100) -> bytes:
        return self.client.blob(self.reference.repository, self.layer).read_at(offset, size)

    @property
    def asked(self) -> list[str]:
        shorter = {str(self.manifest): "<manifest>", str(self.layer.digest): "<layer>"}
        texts = lines(self.registry.requests)
        for digest, short in shorter.items():
            texts = [text.replace(digest, short) for text in texts]
        return texts


@pytest.fixture
def held(registry: DemoRegistry, client_of: OpenClient) -> Held:
    return _hold(registry, client_of(registry.host))


def _hold(registry: DemoRegistry, client: RegistryClient) -> Held:
    manifest = registry.add_image("a", "v1", [(DATA, {})])
    return Held(registry, client, manifest, Descriptor("", registry.add_blob(DATA), SIZE))


HEAD, MANIFEST, LAYER = "HEAD /v2/a/manifests/v1", "GET /v2/a/manifests/<manifest>", "GET /v2/a/blobs/<layer>"


def test_open_registry(held: Held) -> None:
    descriptor = held.client.resolve(held.reference)
    manifest = held.client.manifest(held.reference.repository, descriptor)

    assert isinstance(manifest, Manifest)
    assert held.read() == DATA[:100]
    assert held.asked == [HEAD, MANIFEST, f"{LAYER} bytes=0-99"]


@pytest.mark.parametrize(
    ("habits", "before"),
    [
        ({"schemes": ("Bearer",)}, [HEAD, "GET /token"]),
        ({"schemes": ("Bearer",), "token_key": "access_token", "tells_expiry": False}, [HEAD, "GET /token"]),
        ({"schemes": ("Basic", "Bearer")}, [HEAD, "GET /token"]),
        ({"schemes": ("Bearer",), "anonymous_tokens": False}, [HEAD, "GET /token"]),
        ({"schemes": ("Bearer",), "challenges": "ping"}, [HEAD, "GET /v2/", "GET /token"]),
        ({"schemes": ("Basic",)}, [HEAD]),
    ],
)
def test_login_is_done_once(
    habits: dict[str, Any], before: list[str], registry: DemoRegistry, client_of: OpenClient
) -> None:
    registry.dialect = Dialect(**habits)
    held = _hold(registry, client_of(registry.host, credentials=lambda *_: Login("user", "secret")))

    descriptor = held.client.resolve(held.reference)
    held.client.manifest(held.reference.repository, descriptor)

    assert held.asked == [*before, HEAD, MANIFEST]


def test_identity_token_is_posted_and_the_next_one_used(registry: DemoRegistry, client_of: OpenClient) -> None:
    registry.dialect = Dialect(schemes=("Bearer",), anonymous_tokens=False, identity_token="first")
    held = _hold(registry, client_of(registry.host, credentials=lambda *_: IdentityToken("first")))

    descriptor = held.client.resolve(held.reference)
    registry.expire_tokens()
    held.client.manifest(held.reference.repository, descriptor)

    assert held.asked == [HEAD, "POST /token", HEAD, MANIFEST, "POST /token", MANIFEST]
    sent = [parse_qs(request.body.decode())["refresh_token"] for request in registry.requests if request.body]
    assert sent[0] == ["first"]
    assert sent[1] != ["first"]


def test_expired_token_is_replaced(held: Held) -> None:
    held.registry.dialect = Dialect(schemes=("Bearer",))
    held.read()
    held.registry.expire_tokens()
    held.registry.clear_requests()

    assert held.read() == DATA[:100]
    assert held.asked == [f"{LAYER} bytes=0-99", "GET /token", f"{LAYER} bytes=0-99"]


def test_token_that_grants_less_is_access_denied_after_one_try(held: Held) -> None:
    held.registry.dialect = Dialect(schemes=("Bearer",), denied_repositories=frozenset({"a"}))

    with pytest.raises(AccessDenied, match="401"):
        held.client.resolve(held.reference)
    assert held.asked == [HEAD, "GET /token", HEAD]


@pytest.mark.parametrize(
    ("habits", "error"),
    [
        ({"schemes": ("Basic",)}, AccessDenied),
        ({"schemes": ("Bearer",), "anonymous_tokens": False}, AccessDenied),
        ({"schemes": ("Bearer",), "challenges": "never"}, AccessDenied),
    ],
)
def test_stranger_is_denied(habits: dict[str, Any], error: type[CrfsError], held: Held) -> None:
    held.registry.dialect = Dialect(**habits)

    with pytest.raises(error):
        held.client.resolve(held.reference)


def test_signed_urls_of_a_registry_that_wants_tokens(registry: DemoRegistry, client_of: OpenClient) -> None:
    registry.dialect = Dialect(schemes=("Bearer",), redirects_blobs=True)
    held = _hold(registry, client_of(registry.host))
    blob = held.client.blob(held.reference.repository, held.layer)

    assert [blob.read_at(offset, 10) for offset in (0, 50)] == [DATA[:10], DATA[50:60]]

    first, second = (f"{LAYER} bytes=0-9", "GET /token"), (f"{LAYER} bytes=0-9", "GET /storage/<layer> bytes=0-9")
    assert held.asked == [*first, *second, "GET /storage/<layer> bytes=50-59"]
    storage = [request for request in registry.requests if request.path.startswith("/storage/")]
    assert ["Authorization" in request.headers for request in storage] == [False, False]


def test_signed_url_that_expired_is_renewed(held: Held) -> None:
    held.registry.dialect = Dialect(redirects_blobs=True)
    blob = held.client.blob(held.reference.repository, held.layer)
    blob.read_at(0, 10)
    held.registry.expire_signatures()
    held.registry.clear_requests()

    assert blob.read_at(20, 10) == DATA[20:30]
    storage = "GET /storage/<layer> bytes=20-29"
    assert held.asked == [storage, f"{LAYER} bytes=20-29", storage]


@pytest.mark.parametrize(
    ("habits", "asked"),
    [
        ({"heads_manifests": False}, [HEAD, "GET /v2/a/manifests/v1"]),
        ({"digest_header": False}, [HEAD, "GET /v2/a/manifests/v1"]),
        ({"content_type": "text/plain"}, [HEAD]),
    ],
)
def test_tag_of_a_registry_with_habits(habits: dict[str, Any], asked: list[str], held: Held) -> None:
    held.registry.dialect = Dialect(**habits)

    descriptor = held.client.resolve(held.reference)

    assert descriptor.digest == held.manifest
    assert held.asked == asked
    assert isinstance(held.client.manifest(held.reference.repository, descriptor), Manifest)


def test_label_of_an_encoding_changes_no_byte(held: Held) -> None:
    held.registry.dialect = Dialect(content_encoding="gzip")

    assert held.read() == DATA[:100]


@pytest.mark.parametrize(("paging", "count"), [("relative", 2), ("absolute", 2), ("loop", 2)])
def test_pages(paging: Any, count: int, held: Held, caplog: pytest.LogCaptureFixture) -> None:
    held.registry.dialect = Dialect(paging=paging)
    for number in range(1500):
        held.registry.retag("a", f"t{number:04}", held.manifest)

    tags = [tag.name for tag in held.client.tags(held.reference.repository)]

    assert tags[:1000] == [f"t{number:04}" for number in range(1000)]
    assert len(held.registry.requests) == count
    assert ("listing stopped" in caplog.text) == (paging == "loop")


@pytest.mark.parametrize(("status", "error"), [(401, AccessDenied), (404, NotFound)])
def test_registry_without_a_catalog(status: int, error: type[CrfsError], held: Held) -> None:
    held.registry.dialect = Dialect(catalog_status=status)

    with pytest.raises(error):
        list(held.client.level(held.reference.repository.registry).names)


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        ("short_body", [f"{LAYER} bytes=0-99", f"{LAYER} bytes=10-99"]),
        ("stalled_body", [f"{LAYER} bytes=0-99", f"{LAYER} bytes=10-99"]),
        ("ignored_range", [f"{LAYER} bytes=0-99"]),
        ("hung_up", [f"{LAYER} bytes=0-99"] * 2),
        ("broken", [f"{LAYER} bytes=0-99"] * 2),
    ],
)
def test_fault_that_passes_is_not_noticed(fault: str, asked: list[str], held: Held) -> None:
    setattr(held.registry.faults, fault, 1)

    assert held.read() == DATA[:100]
    assert held.asked == asked


@pytest.mark.parametrize(
    ("fault", "error", "count"),
    [
        ("denied", AccessDenied, 1),
        ("throttled", Unavailable, 1),
        ("broken", Unavailable, 3),
        ("hung_up", Unavailable, 3),
        ("short_body", Unavailable, 4),
        ("wrong_content_range", Corrupt, 1),
        ("long_body", Corrupt, 1),
    ],
)
def test_fault_that_stays_is_an_error(fault: str, error: type[CrfsError], count: int, held: Held) -> None:
    held.registry.faults.retry_after = "30"
    setattr(held.registry.faults, fault, ALWAYS)

    with pytest.raises(error):
        held.read()
    assert len(held.registry.requests) == count


def test_wrong_bytes_of_a_whole_blob_are_corrupt(held: Held) -> None:
    held.registry.faults.flipped_bit = 1

    with pytest.raises(Corrupt, match="another digest"):
        held.client.read_blob(held.reference.repository, held.layer, SIZE)


def test_wrong_manifest_is_corrupt(held: Held) -> None:
    descriptor = held.client.resolve(held.reference)
    held.registry.faults.wrong_manifest = 1

    with pytest.raises(Corrupt, match="another digest"):
        held.client.manifest(held.reference.repository, descriptor)


def test_digest_header_of_something_else_is_found_out(held: Held) -> None:
    held.registry.faults.wrong_digest_header = 1
    descriptor = held.client.resolve(held.reference)

    with pytest.raises(NotFound):
        held.client.manifest(held.reference.repository, descriptor)


def test_registry_that_takes_its_time_is_unavailable_in_bounded_time(
    registry: DemoRegistry, client_of: OpenClient
) -> None:
    held = _hold(registry, client_of(registry.host, read_seconds=0.1, deadline_seconds=0.3))
    registry.faults.delay_seconds = 5
    began = time.monotonic()

    with pytest.raises(Unavailable):
        held.read()

    assert time.monotonic() - began < 1
