from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.errors import BadName, NotFound
from crfs_dav.names import digest_of, parse_reference, parse_registry
from crfs_dav.oci import OCI_MANIFEST
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.credentials.secret import Login
from crfs_dav.registry.deadline import Clock
from crfs_dav.registry.mirrors import Mirror, parse_mirror
from tests.support.scripted import Script, Scripted, by_path, in_turn, lines
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

FOUND = Answer(200, {"Docker-Content-Digest": str(digest_of(b"x")), "Content-Type": OCI_MANIFEST}, b"x")
HEAD = "HEAD /v2/a/b/manifests/v1"


class Mirrored:
    """A registry with mirrors, all of them scripted."""

    def __init__(self, own: Scripted, *mirrors: Scripted, prefix: str = "") -> None:
        self.own = own
        self.mirrors = mirrors
        self.seconds = 0.0
        self._prefix = prefix

    def settings(self) -> dict[str, Any]:
        mirrors = tuple(Mirror(parse_registry(mirror.host), self._prefix) for mirror in self.mirrors)
        return {"mirrors": {parse_registry(self.own.host): mirrors}, "clock": Clock(now=lambda: self.seconds)}

    def resolve(self, client: RegistryClient) -> None:
        client.resolve(parse_reference(f"{self.own.host}/a/b:v1"))

    @property
    def counts(self) -> list[int]:
        return [len(server.requests) for server in (*self.mirrors, self.own)]


@pytest.fixture
def mirrored(scripted: Serve, client_of: OpenClient) -> Callable[..., tuple[Mirrored, RegistryClient]]:
    def make(*answers: Answer, prefix: str = "") -> tuple[Mirrored, RegistryClient]:
        """The last answer is the registry's own."""
        *mirrors, own = [scripted(in_turn(answer)) for answer in answers]
        rig = Mirrored(own, *mirrors, prefix=prefix)
        return rig, client_of(*(server.host for server in (*mirrors, own)), **rig.settings())

    return make


Make = Callable[..., tuple[Mirrored, RegistryClient]]


def test_first_mirror_that_has_it_is_enough(mirrored: Make) -> None:
    rig, client = mirrored(Answer(404), FOUND, FOUND)

    rig.resolve(client)
    rig.resolve(client)

    assert rig.counts == [2, 2, 0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_registry_is_asked_where_no_mirror_has_it(status: int, mirrored: Make) -> None:
    rig, client = mirrored(Answer(status), FOUND)

    rig.resolve(client)

    assert lines(rig.own.requests) == [HEAD]


@pytest.mark.parametrize("answer", [Answer(500), Answer(503), Answer(429, {"Retry-After": "60"})])
def test_mirror_that_is_down_is_left_alone_for_a_minute(answer: Answer, mirrored: Make) -> None:
    rig, client = mirrored(answer, FOUND)

    for rig.seconds in (0.0, 59.0, 61.0):
        rig.resolve(client)

    assert rig.counts == [2, 3]


def test_mirror_that_gives_no_token_for_one_name_is_asked_for_others(mirrored: Make) -> None:
    rig, client = mirrored(Answer(401, {"WWW-Authenticate": 'Bearer realm="/token"'}), FOUND)

    rig.resolve(client)
    rig.resolve(client)

    assert rig.counts == [4, 2]


def test_mirror_that_nobody_listens_at_is_passed_over(mirrored: Make, caplog: pytest.LogCaptureFixture) -> None:
    rig, client = mirrored(FOUND, FOUND)
    rig.mirrors[0].__exit__()

    rig.resolve(client)
    rig.resolve(client)

    assert len(rig.own.requests) == 2
    assert caplog.text.count("not asked for 60 s") == 1


def test_mirror_spells_repositories_behind_its_prefix(mirrored: Make) -> None:
    rig, client = mirrored(FOUND, FOUND, prefix="hub/cache")

    rig.resolve(client)

    assert lines(rig.mirrors[0].requests) == ["HEAD /v2/hub/cache/a/b/manifests/v1"]


def test_mirror_gets_a_token_for_its_own_name_and_its_own_credentials(scripted: Serve, client_of: OpenClient) -> None:
    def script(request: Request) -> Answer:
        if request.path == "/token":
            return json_answer({"token": "t"})
        return (
            FOUND if "Authorization" in request.headers else Answer(401, {"WWW-Authenticate": 'Bearer realm="/token"'})
        )

    rig = Mirrored(scripted(in_turn(FOUND)), scripted(script), prefix="hub")
    asked: list[tuple[str, str]] = []

    def credentials(registry: object, name: str) -> Login:
        asked.append((str(registry), name))
        return Login("mirror", "pw")

    rig.resolve(client_of(rig.own.host, rig.mirrors[0].host, credentials=credentials, **rig.settings()))

    assert rig.mirrors[0].requests[1].query["scope"] == ["repository:hub/a/b:pull"]
    assert asked == [(rig.mirrors[0].host, "hub/a/b")]
    assert rig.own.requests == []


def test_listings_are_the_registrys_own(scripted: Serve, client_of: OpenClient) -> None:
    tags = by_path({"/v2/a/b/tags/list": json_answer({"tags": ["v1"]})})
    rig = Mirrored(scripted(tags), scripted(in_turn(FOUND)))
    client = client_of(rig.own.host, rig.mirrors[0].host, **rig.settings())

    list(client.tags(parse_reference(f"{rig.own.host}/a/b:v1").repository))

    assert rig.mirrors[0].requests == []


def test_what_nobody_has_is_not_found(mirrored: Make) -> None:
    rig, client = mirrored(Answer(404), Answer(404))

    with pytest.raises(NotFound, match=f"http://{parse_registry('127.0.0.1')}"):
        rig.resolve(client)


@pytest.mark.parametrize(
    ("text", "registry", "prefix", "scheme"),
    [
        ("mirror.example", "mirror.example", "", None),
        ("https://mirror.example:5000/", "mirror.example:5000", "", "https"),
        ("http://10.0.0.1:5000/hub/cache", "10.0.0.1:5000", "hub/cache", "http"),
    ],
)
def test_mirror_is_spelled_like_a_url_or_without_scheme(
    text: str, registry: str, prefix: str, scheme: str | None
) -> None:
    assert parse_mirror(text) == (Mirror(parse_registry(registry), prefix), scheme)


@pytest.mark.parametrize(
    "text", ["", "mirror", "ftp://mirror.example", "https://mirror.example/A", "a.b//c", "a.b/../c"]
)
def test_what_is_no_mirror_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        parse_mirror(text)
