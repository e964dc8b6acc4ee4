from __future__ import annotations

import base64
import json
import re
from urllib.parse import urlsplit

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.oci import OCI_MANIFEST
from tests.support.http import Reply, fetch
from tests.unit.demo.conftest import BLOB

ACCEPT = {"Accept": OCI_MANIFEST}
MANIFEST = "/v2/a/b/manifests/one"


@pytest.mark.parametrize("status", [401, 404])
def test_a_missing_catalog_leaves_the_tags(registry: DemoRegistry, status: int) -> None:
    registry.dialect = Dialect(catalog_status=status)
    assert fetch(f"{registry.url}/v2/_catalog").status == status
    assert fetch(f"{registry.url}/v2/a/b/tags/list").status == 200


def test_manifests_may_answer_get_only(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(heads_manifests=False)
    assert fetch(registry.url + MANIFEST, ACCEPT, method="HEAD").status == 405
    assert fetch(registry.url + MANIFEST, ACCEPT).status == 200


def test_the_digest_header_may_be_missing(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(digest_header=False)
    assert fetch(registry.url + MANIFEST, ACCEPT).headers["Docker-Content-Digest"] is None


def test_a_manifest_s_content_type_may_be_wrong(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(content_type="text/plain")
    assert fetch(registry.url + MANIFEST, ACCEPT).headers["Content-Type"] == "text/plain"


def test_blobs_may_be_labelled_as_encoded(registry: DemoRegistry, blob_path: str) -> None:
    registry.dialect = Dialect(content_encoding="gzip")
    reply = fetch(registry.url + blob_path)
    assert (reply.headers["Content-Encoding"], reply.body) == ("gzip", BLOB)


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/a/b/tags/list"])
def test_pages_may_be_linked_absolutely(registry: DemoRegistry, path: str) -> None:
    registry.dialect = Dialect(paging="absolute")
    link = fetch(f"{registry.url}{path}?n=1").headers["Link"]
    assert link.startswith(f"<{registry.url}{path}?last=")


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/a/b/tags/list"])
def test_pages_may_go_round_in_circles(registry: DemoRegistry, path: str) -> None:
    registry.dialect = Dialect(paging="loop")
    links = {fetch(f"{registry.url}{path}?n={n}").headers["Link"] for n in (1, 2, 1000)}
    assert links == {f'<{path}?n=1>; rel="next"'}


class TestRedirects:
    @pytest.fixture
    def location(self, registry: DemoRegistry, blob_path: str) -> str:
        registry.dialect = Dialect(redirects_blobs=True)
        reply = fetch(registry.url + blob_path)
        assert (reply.status, reply.body) == (307, b"")
        return str(reply.headers["Location"])

    def test_blobs_lie_at_another_port(self, registry: DemoRegistry, location: str) -> None:
        assert urlsplit(location).netloc != registry.host
        assert fetch(location).body == BLOB
        assert fetch(location, {"Range": "bytes=0-3"}).status == 206

    def test_credentials_are_refused(self, location: str) -> None:
        reply = fetch(location, {"Authorization": "Bearer x"})
        assert (reply.status, b"Only one auth mechanism allowed" in reply.body) == (400, True)

    def test_signatures_expire(self, registry: DemoRegistry, blob_path: str, location: str) -> None:
        registry.expire_signatures()
        assert fetch(location).status == 403
        assert fetch(fetch(registry.url + blob_path).headers["Location"]).status == 200

    def test_signatures_expire_by_themselves(self, registry: DemoRegistry, blob_path: str) -> None:
        registry.dialect = Dialect(redirects_blobs=True, signature_seconds=0)
        assert fetch(fetch(registry.url + blob_path).headers["Location"]).status == 403

    def test_forged_signatures_and_head_are_refused(self, location: str) -> None:
        assert fetch(re.sub("Signature=..", "Signature=__", location)).status == 403
        assert fetch(location, method="HEAD").status == 403

    def test_missing_blobs_are_not_redirected(self, registry: DemoRegistry) -> None:
        registry.dialect = Dialect(redirects_blobs=True)
        assert fetch(f"{registry.url}/v2/a/b/blobs/sha256:{'0' * 64}").status == 404

    def test_both_servers_end_together(self, registry: DemoRegistry, location: str) -> None:
        registry.close()
        with pytest.raises(ConnectionRefusedError):
            fetch(location)

    def test_requests_of_both_are_recorded(self, registry: DemoRegistry, blob_path: str, location: str) -> None:
        fetch(location)
        assert [request.path for request in registry.requests] == [blob_path, urlsplit(location).path]


class TestBasic:
    @pytest.fixture(autouse=True)
    def _speak(self, registry: DemoRegistry) -> None:
        registry.dialect = Dialect(schemes=("Basic",))

    def test_a_password_opens(self, registry: DemoRegistry) -> None:
        assert fetch(f"{registry.url}/v2/", basic("user", "secret")).status == 200

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}])
    def test_nothing_else_does(self, registry: DemoRegistry, headers: dict[str, str]) -> None:
        assert fetch(f"{registry.url}/v2/", headers).headers["WWW-Authenticate"] == 'Basic realm="demo"'

    def test_a_wrong_password_does_not(self, registry: DemoRegistry) -> None:
        assert fetch(f"{registry.url}/v2/", basic("user", "wrong")).status == 401


class TestBearer:
    @pytest.fixture(autouse=True)
    def _speak(self, registry: DemoRegistry) -> None:
        registry.dialect = Dialect(schemes=("Bearer",))

    def test_the_challenge_names_realm_service_and_scope(self, registry: DemoRegistry) -> None:
        reply = fetch(registry.url + MANIFEST, ACCEPT)
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"] == (
            f'Bearer realm="{registry.url}/token",service="demo",scope="repository:a/b:pull"'
        )

    def test_the_catalog_has_a_scope_of_its_own_and_the_ping_none(self, registry: DemoRegistry) -> None:
        catalog = fetch(f"{registry.url}/v2/_catalog").headers["WWW-Authenticate"]
        assert catalog.endswith('scope="registry:catalog:*"')
        assert "scope" not in fetch(f"{registry.url}/v2/").headers["WWW-Authenticate"]

    def test_a_token_opens_its_scope_and_no_other(self, registry: DemoRegistry) -> None:
        token = bearer(ask_token(registry))
        assert fetch(registry.url + MANIFEST, {**ACCEPT, **token}).status == 200
        assert fetch(f"{registry.url}/v2/c/manifests/three", {**ACCEPT, **token}).status == 401
        assert fetch(f"{registry.url}/v2/_catalog", token).status == 401
        assert fetch(f"{registry.url}/v2/", token).status == 200

    def test_several_scopes_may_be_asked_for_at_once(self, registry: DemoRegistry) -> None:
        token = bearer(ask_token(registry, scope="repository:a/b:pull&scope=registry:catalog:*"))
        assert fetch(f"{registry.url}/v2/_catalog", token).status == 200
        assert fetch(registry.url + MANIFEST, {**ACCEPT, **token}).status == 200

    def test_tokens_expire_when_told(self, registry: DemoRegistry) -> None:
        token = bearer(ask_token(registry))
        registry.expire_tokens()
        assert fetch(registry.url + MANIFEST, {**ACCEPT, **token}).status == 401

    def test_tokens_expire_by_themselves(self, registry: DemoRegistry) -> None:
        registry.dialect = Dialect(schemes=("Bearer",), token_seconds=0)
        assert fetch(registry.url + MANIFEST, {**ACCEPT, **bearer(ask_token(registry))}).status == 401

    def test_the_answer_tells_how_long_the_token_lasts(self, registry: DemoRegistry) -> None:
        assert json.loads(ask_token(registry).body)["expires_in"] == 300

    def test_it_may_say_nothing_of_that_and_use_the_other_key(self, registry: DemoRegistry) -> None:
        registry.dialect = Dialect(schemes=("Bearer",), token_key="access_token", tells_expiry=False)
        assert set(json.loads(ask_token(registry).body)) == {"access_token", "issued_at"}

    def test_a_denied_repository_is_left_out_of_the_token(self, registry: DemoRegistry) -> None:
        registry.dialect = Dialect(schemes=("Bearer",), denied_repositories=frozenset({"a/b"}))
        token = ask_token(registry)
        assert token.status == 200
        assert fetch(registry.url + MANIFEST, {**ACCEPT, **bearer(token)}).status == 401

    def test_a_private_registry_gives_tokens_for_passwords_only(self, registry: DemoRegistry) -> None:
        registry.dialect = Dialect(schemes=("Bearer",), anonymous_tokens=False)
        assert ask_token(registry).status == 401
        assert ask_token(registry, headers=basic("user", "wrong")).status == 401
        token = bearer(ask_token(registry, headers=basic("user", "secret")))
        assert fetch(registry.url + MANIFEST, {**ACCEPT, **token}).status == 200

    def test_a_wrong_password_gets_no_token_even_where_none_is_needed(self, registry: DemoRegistry) -> None:
        assert ask_token(registry, headers=basic("user", "wrong")).status == 401

    def test_the_service_is_checked(self, registry: DemoRegistry) -> None:
        assert fetch(f"{registry.url}/token?service=other").status == 400


@pytest.mark.parametrize(("challenges", "on_ping", "elsewhere"), [("ping", True, False), ("never", False, False)])
def test_challenges_may_be_kept_back(
    registry: DemoRegistry, *, challenges: str, on_ping: bool, elsewhere: bool
) -> None:
    registry.dialect = Dialect(schemes=("Bearer",), challenges=challenges)  # type: ignore[arg-type]
    ping, manifest = fetch(f"{registry.url}/v2/"), fetch(registry.url + MANIFEST, ACCEPT)
    assert (ping.status, manifest.status) == (401, 401)
    assert ("WWW-Authenticate" in ping.headers, "WWW-Authenticate" in manifest.headers) == (on_ping, elsewhere)


def test_two_schemes_stand_in_one_header_and_either_opens(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(schemes=("Bearer", "Basic"))
    challenge = fetch(registry.url + MANIFEST, ACCEPT).headers["WWW-Authenticate"]
    assert re.fullmatch('Bearer realm="[^"]+",service="demo",scope="[^"]+",Basic realm="demo"', challenge)
    assert fetch(registry.url + MANIFEST, {**ACCEPT, **basic("user", "secret")}).status == 200
    assert fetch(registry.url + MANIFEST, {**ACCEPT, **bearer(ask_token(registry))}).status == 200


def ask_token(
    registry: DemoRegistry, *, scope: str = "repository:a/b:pull", headers: dict[str, str] | None = None
) -> Reply:
    return fetch(f"{registry.url}/token?service=demo&scope={scope}", headers)


def bearer(reply: Reply) -> dict[str, str]:
    body = json.loads(reply.body)
    return {"Authorization": f"Bearer {body.get('token') or body['access_token']}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
