"""Each way of listing against the demo registry that speaks it: names, and the exact requests they cost."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.exchange import Answer, Request, json_answer, refuse, with_header
from crfs_dav.demo.listings import OwnListing
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import AccessDenied, Corrupt, NotFound
from crfs_dav.names import Registry, digest_of, parse_registry
from crfs_dav.oci import OCI_MANIFEST
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.credentials.secret import Login
from crfs_dav.registry.listers.choose import known_kind
from crfs_dav.registry.settings import ListingKind, ListingSettings
from crfs_dav.registry.tokens import basic
from tests.support.scripted import Script, Scripted, in_turn, lines
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

GREETING = "GET /v2/_catalog n=1"  # of Harbor, which asks who is there nowhere else
HARBOR_OWN = "GET /api/v2.0/projects/own/repositories"
HUNDRED = [f"own/r{number:03}" for number in range(100)]


def _fill(registry: DemoRegistry, *names: str) -> None:
    for name in names:
        registry.add_manifest(name, "v1", b"{}", OCI_MANIFEST)


def _asked(registry: DemoRegistry) -> list[str]:
    return [
        " ".join(filter(None, (request.method, request.path, urlencode(request.query, doseq=True))))
        for request in registry.requests
    ]


@pytest.fixture
def lists(registry: DemoRegistry, client_of: OpenClient) -> Callable[[OwnListing], RegistryClient]:
    """Has the registry speak a way of listing, and makes the client that knows it."""

    def make(kind: OwnListing) -> RegistryClient:
        registry.dialect = Dialect(listing=kind, catalog_status=404)
        listings = {parse_registry(registry.host): ListingSettings(kind or "none", registry.url)}
        return client_of(registry.host, listings=listings)

    return make


def _names(client: RegistryClient, registry: DemoRegistry, below: str = "") -> list[str]:
    host = parse_registry(registry.host)
    return list(client.level(host, client.listing_place(host, below)).names)


@pytest.mark.parametrize(
    ("kind", "below", "names", "asked"),
    [
        ("google", "own", ["own/a", "own/b"], ["GET /v2/own/tags/list n=10000"]),
        ("google", "own/b", ["own/b/c"], ["GET /v2/own/b/tags/list n=10000"]),
        ("google", "own/b/c", [], ["GET /v2/own/b/c/tags/list n=10000"]),
        ("hub", "", ["library"], []),
        ("hub", "own", ["own/a", "own/b/c"], ["GET /v2/namespaces/own/repositories page_size=100"]),
        ("hub", "own/b", ["own/a", "own/b/c"], ["GET /v2/namespaces/own/repositories page_size=100"]),
        ("quay", "own", ["own/a", "own/b/c"], ["GET /api/v1/repository namespace=own&public=true"]),
        ("quay", "nobody", [], ["GET /api/v1/repository namespace=nobody&public=true"]),
        ("harbor", "", ["other", "own"], [GREETING, "GET /api/v2.0/projects page=1&page_size=100"]),
        ("harbor", "own/b", ["own/a", "own/b/c"], [GREETING, f"{HARBOR_OWN} page=1&page_size=100"]),
        ("gitlab", "own/b", ["own/a", "own/b/c"], ["GET /api/v4/groups/own/registry/repositories per_page=100"]),
    ],
)
def test_names_below_a_name(
    kind: OwnListing,
    below: str,
    names: list[str],
    asked: list[str],
    registry: DemoRegistry,
    lists: Callable[[OwnListing], RegistryClient],
) -> None:
    _fill(registry, "own/a", "own/b/c", "other/x")

    assert _names(lists(kind), registry, below) == names
    assert _asked(registry) == asked


@pytest.mark.parametrize(
    ("kind", "below", "asked"),
    [
        ("hub", "nobody", ["GET /v2/namespaces/nobody/repositories page_size=100"]),
        ("google", "nobody", ["GET /v2/nobody/tags/list n=10000"]),
        ("gitlab", "nobody", ["GET /api/v4/groups/nobody/registry/repositories per_page=100"]),
        ("harbor", "nobody", [GREETING, "GET /api/v2.0/projects/nobody/repositories page=1&page_size=100"]),
        ("google", "", ["GET /v2/_catalog n=1000"]),
        ("quay", "", []),
        ("gitlab", "", []),
        ("", "", []),
        ("", "own", []),
    ],
)
def test_what_is_not_told(
    kind: OwnListing,
    below: str,
    asked: list[str],
    registry: DemoRegistry,
    lists: Callable[[OwnListing], RegistryClient],
) -> None:
    with pytest.raises((NotFound, AccessDenied)):
        _names(lists(kind), registry, below)
    assert _asked(registry) == asked


@pytest.mark.parametrize(
    ("kind", "second"),
    [
        ("hub", "GET /v2/namespaces/own/repositories page=2&page_size=100"),
        ("quay", "GET /api/v1/repository namespace=own&public=true&next_page=token%2B%2F100"),
        ("harbor", f"{HARBOR_OWN} page=2&page_size=100"),
        ("gitlab", "GET /api/v4/groups/own/registry/repositories page=2&per_page=100"),
    ],
)
def test_second_pages_are_asked_for_and_no_third(
    kind: OwnListing, second: str, registry: DemoRegistry, lists: Callable[[OwnListing], RegistryClient]
) -> None:
    _fill(registry, *HUNDRED, "own/s")

    assert _names(lists(kind), registry, "own") == [*HUNDRED, "own/s"]
    assert len(_asked(registry)) == (3 if kind == "harbor" else 2)
    assert _asked(registry)[-1] == second


@pytest.mark.parametrize(("paging", "pages"), [("relative", 2), ("absolute", 2), ("loop", 2)])
def test_a_catalog_of_several_pages(paging: str, pages: int, registry: DemoRegistry, client_of: OpenClient) -> None:
    names = [f"own/r{number:04}" for number in range(1001)]
    _fill(registry, *names)
    registry.dialect = Dialect(paging=paging)  # type: ignore[arg-type]

    assert _names(client_of(registry.host), registry)[:1000] == names[:1000]
    assert len(registry.requests) == pages


def test_a_catalog_whose_next_page_is_elsewhere_is_refused(registry: DemoRegistry, client_of: OpenClient) -> None:
    _fill(registry, *(f"own/r{number:04}" for number in range(1001)))
    registry.dialect = Dialect(paging="elsewhere")

    with pytest.raises(AccessDenied, match="expected the same host"):
        _names(client_of(registry.host), registry)
    assert len(registry.requests) == 1


def test_google_tells_digests_and_children_along_with_tags(
    registry: DemoRegistry, lists: Callable[[OwnListing], RegistryClient]
) -> None:
    _fill(registry, "own/a", "own/a/b")
    registry.retag("own/a", "v2", digest_of(b"{}"))
    level = lists("google").level(parse_registry(registry.host), "own/a")

    assert list(level.names) == ["own/a/b"]
    assert level.tags == (("v1", digest_of(b"{}")), ("v2", digest_of(b"{}")))
    assert len(registry.requests) == 1


@pytest.mark.parametrize("manifests", [None, [], {"sha256:x": {"tag": ["v1"]}}, {str(digest_of(b"")): {"tag": 1}}])
def test_what_google_might_say_wrong_is_left_out(manifests: object, scripted: Serve, client_of: OpenClient) -> None:
    body = {"tags": ["v1"], "child": ["ok", 7, "../up", "UP"], "manifest": manifests}
    server = scripted(in_turn(json_answer(body)))
    host = parse_registry(server.host)
    level = client_of(server.host, listings={host: ListingSettings("google")}).level(host, "own")

    assert (list(level.names), level.tags) == (["own/ok"], (("v1", None),))


def _harbor(request: Request) -> Answer:
    """The API never asks for a login; the catalog does, and is for administrators."""
    is_known = request.headers.get("Authorization") == basic(Login("robot$ci", "secret"))
    if request.path == "/v2/_catalog":
        refusal = refuse(403 if is_known else 401, "DENIED", "no system:catalog:read")
        return with_header(refusal, "WWW-Authenticate", 'Basic realm="harbor"')
    return json_answer([{"name": "public"}, *([{"name": "private"}] if is_known else [])])


@pytest.mark.parametrize(
    ("login", "names", "asked"),
    [
        (None, ["public"], ["/v2/_catalog", "/api/v2.0/projects"]),
        (Login("robot$ci", "secret"), ["public", "private"], ["/v2/_catalog", "/v2/_catalog", "/api/v2.0/projects"]),
    ],
    ids=["stranger", "robot"],
)
def test_harbor_shows_private_projects_to_those_with_a_login(
    login: Login | None, names: list[str], asked: list[str], scripted: Serve, client_of: OpenClient
) -> None:
    server = scripted(_harbor)
    host = parse_registry(server.host)
    client = client_of(server.host, listings={host: ListingSettings("harbor")}, credentials=lambda *_: login)

    assert list(client.level(host, "").names) == names
    assert [request.path for request in server.requests] == asked


ACCOUNT_TOKEN = f"h.{urlsafe_b64encode(json.dumps({'account': {'bss': 'acc0'}}).encode()).decode().rstrip('=')}.s"
KEY = Login("iamapikey", "key+/")


@pytest.fixture
def ibm(scripted: Serve, client_of: OpenClient, monkeypatch: pytest.MonkeyPatch) -> tuple[RegistryClient, Scripted]:
    """IBM's registry and token server, both in one place, and a client with the key of an account."""

    def script(request: Request) -> Answer:
        if request.path == "/identity/token":
            is_key = parse_qs(request.body.decode())["apikey"] == [KEY.password]
            return json_answer({"access_token": ACCOUNT_TOKEN} if is_key else {})
        asker = (request.headers.get("Authorization"), request.headers.get("Account"))
        if asker != (f"Bearer {ACCOUNT_TOKEN}", "acc0"):
            return Answer(401)
        tags = {"RepoTags": ["de.icr.io/ns/app:v1", "de.icr.io/ns/app:v2", "us.icr.io/other/app:v1", "", 7]}
        digests = {"RepoTags": None, "RepoDigests": [f"de.icr.io/ns/deep/er@{digest_of(b'')}"]}
        return json_answer([tags, digests, 7])

    server = scripted(script)
    monkeypatch.setattr(Registry, "api_host", property(lambda self: server.host))
    listings = {parse_registry("de.icr.io"): ListingSettings("ibm", server.url)}
    return client_of("de.icr.io", listings=listings, credentials=lambda *_: KEY), server


def test_ibm_lists_the_images_of_an_account(ibm: tuple[RegistryClient, Scripted]) -> None:
    client, server = ibm

    assert list(client.level(parse_registry("de.icr.io")).names) == ["ns/app", "ns/app", "ns/deep/er"]
    assert lines(server.requests) == ["POST /identity/token", "GET /api/v1/images"]
    assert "key" not in "".join(str(request.query) for request in server.requests)


def test_ibms_token_stays_with_ibm(ibm: tuple[RegistryClient, Scripted], scripted: Serve) -> None:
    client, server = ibm
    elsewhere = scripted(in_turn(json_answer([])))
    token, images = server.script, Answer(302, {"Location": f"{elsewhere.url}/images"})
    server.script = lambda request: images if request.path == "/api/v1/images" else token(request)

    assert list(client.level(parse_registry("de.icr.io")).names) == []
    assert ["Authorization" in request.headers for request in elsewhere.requests] == [False]


@pytest.mark.parametrize(
    ("host", "login"),
    [("icr.io", None), ("icr.io", Login("me", "secret")), ("icr.io.example.com", KEY), ("notanicr.io", KEY)],
)
def test_ibm_wants_a_key_and_nobody_else_gets_it(
    host: str, login: Login | None, scripted: Serve, client_of: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted(in_turn(json_answer({})))
    monkeypatch.setattr(Registry, "api_host", property(lambda self: server.host))
    listings = {parse_registry(host): ListingSettings("ibm", server.url)}
    client = client_of(host, listings=listings, credentials=lambda *_: login)

    with pytest.raises(NotFound, match="lists the images of an account"):
        client.level(parse_registry(host))
    assert server.requests == []


@pytest.mark.parametrize("token", [None, 7, "", "a", "a.b", "a.!.c", "a.e30.c", "a.W10.c", "a.\nb.c"])
def test_an_iam_token_that_is_none_is_corrupt(
    token: object, scripted: Serve, client_of: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted(in_turn(json_answer({"access_token": token})))
    monkeypatch.setattr(Registry, "api_host", property(lambda self: server.host))
    listings = {parse_registry("icr.io"): ListingSettings("ibm", server.url)}
    client = client_of("icr.io", listings=listings, credentials=lambda *_: KEY)

    with pytest.raises(Corrupt):
        client.level(parse_registry("icr.io"))


def test_hub_is_asked_at_its_own_host_without_credentials(registry: DemoRegistry, client_of: OpenClient) -> None:
    with DemoRegistry(dialect=Dialect(listing="hub")) as hub:
        _fill(hub, "own/a")
        host = parse_registry(registry.host)
        listings = {host: ListingSettings("hub", hub.url)}
        client = client_of(registry.host, listings=listings, credentials=lambda *_: Login("user", "secret"))

        assert _names(client, registry, "own") == ["own/a"]
        assert ["Authorization" in request.headers for request in hub.requests] == [False]
    assert registry.requests == []


def _next_elsewhere(request: Request) -> Answer:
    return json_answer(
        {"results": [{"name": "a"}], "next": "http://evil.example/v2/namespaces/own/repositories?page=2"}
    )


def test_hubs_next_page_elsewhere_is_refused(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(_next_elsewhere)
    host = parse_registry(server.host)
    client = client_of(server.host, listings={host: ListingSettings("hub", server.url)})

    with pytest.raises(AccessDenied, match="expected the same host"):
        list(client.level(host, "own").names)


@pytest.mark.parametrize("kind", ["hub", "quay", "harbor", "gitlab", "google", "catalog"])
@pytest.mark.parametrize("body", [b"<html>login</html>", b"7", b'""'])
def test_what_is_no_list_is_corrupt(kind: ListingKind, body: bytes, scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {}, body)))
    host = parse_registry(server.host)
    client = client_of(server.host, listings={host: ListingSettings(kind, server.url)})

    with pytest.raises(Corrupt):
        list(client.level(host, client.listing_place(host, "own")).names)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("docker.io", "hub"),
        ("index.docker.io", "hub"),
        ("gcr.io", "google"),
        ("eu.gcr.io", "google"),
        ("europe-docker.pkg.dev", "google"),
        ("registry.k8s.io", "google"),
        ("quay.io", "quay"),
        ("registry.gitlab.com", "gitlab"),
        ("ghcr.io", "none"),
        ("icr.io", "ibm"),
        ("de.icr.io", "ibm"),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "catalog"),
        ("example.azurecr.io", "catalog"),
        ("mcr.microsoft.com", "catalog"),
        ("127.0.0.1:5000", "catalog"),
        ("notgcr.io", "catalog"),
        ("gcr.io:444", "google"),
    ],
)
def test_a_host_is_known_by_its_way_of_listing(host: str, kind: ListingKind) -> None:
    assert known_kind(parse_registry(host)) == kind
