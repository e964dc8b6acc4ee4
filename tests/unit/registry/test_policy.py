"""Which addresses a registry can make us talk to: by name, by address, and by the address a name led to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.errors import AccessDenied
from crfs_dav.names import Registry, parse_registry, parse_repository
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.connection import peer_reach
from crfs_dav.registry.reach import Reaches
from crfs_dav.registry.urls import Reach, reach_of
from tests.support.scripted import Script, Scripted, in_turn
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

TAGS = json_answer({"tags": ["v1"]})


def _tags(client: RegistryClient, registry: Registry) -> list[str]:
    return [tag.name for tag in client.tags(parse_repository(registry, "a"))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Names that lead to addresses of this test's choice, whatever the name service says."""
    addresses: dict[str, str] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        return real(addresses.get(host, host), *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return addresses


def test_registry_that_is_not_allowed_is_not_asked(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(TAGS))
    client = client_of(server.host, allows=lambda registry: None)

    with pytest.raises(AccessDenied, match="expected one that the configuration allows"):
        _tags(client, parse_registry(server.host))
    assert server.requests == []


@pytest.mark.parametrize("reach", [Reach.PUBLIC, Reach.PRIVATE])
def test_name_that_leads_further_inside_than_allowed_is_refused_before_a_byte_is_sent(
    reach: Reach, names: dict[str, str], scripted: Serve, client_of: OpenClient
) -> None:
    server = scripted(in_turn(TAGS))
    names["registry.example"] = "127.0.0.1"
    registry = parse_registry(f"registry.example:{server.host.partition(':')[2]}")
    client = client_of(str(registry), allows=lambda _: reach)

    with pytest.raises(
        AccessDenied, match=r"registry\.example: leads to 127\.0\.0\.1; expected no address of an inner"
    ):
        _tags(client, registry)
    assert server.requests == []


def test_name_that_leads_inside_may_name_others_there(
    names: dict[str, str], scripted: Serve, client_of: OpenClient
) -> None:
    storage = scripted(in_turn(TAGS))
    names |= {"registry.example": "127.0.0.1", "storage.example": "127.0.0.1"}
    url = f"http://storage.example:{storage.host.partition(':')[2]}/"
    server = scripted(in_turn(Answer(307, {"Location": url})))
    registry = parse_registry(f"registry.example:{server.host.partition(':')[2]}")

    assert _tags(client_of(str(registry)), registry) == ["v1"]


@pytest.mark.parametrize("kind", ["redirect", "realm"])
def test_registry_outside_leads_by_no_name_inside(
    kind: str,
    names: dict[str, str],
    scripted: Serve,
    client_of: OpenClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crfs_dav.registry.session.peer_reach", _outside)
    inner = scripted(in_turn(TAGS))
    names["inner.example"] = "127.0.0.1"
    url = f"http://inner.example:{inner.host.partition(':')[2]}/"
    answers = {
        "redirect": Answer(307, {"Location": url}),
        "realm": Answer(401, {"WWW-Authenticate": f'Bearer realm="{url}"'}),
    }
    server = scripted(in_turn(answers[kind]))

    with pytest.raises(AccessDenied, match=r"inner\.example: leads to 127\.0\.0\.1"):
        _tags(client_of(server.host), parse_registry(server.host))
    assert inner.requests == []


def _outside(response: Any) -> Reach:
    """Where the registry is, told otherwise: no test can have a server at a public address."""
    assert peer_reach(response) is Reach.LOCAL
    return Reach.PUBLIC


def test_registry_that_was_once_outside_is_never_inside() -> None:
    reaches, registry = Reaches(), parse_registry("evil.example")

    assert (reaches.of(registry), reaches.of_location(registry)) == (Reach.PUBLIC, Reach.LOCAL)
    found = []
    for reach in (Reach.PRIVATE, Reach.PUBLIC, Reach.LOCAL):
        reaches.note(registry, reach)
        found.append((reaches.of(registry), reaches.of_location(registry)))

    assert found == [(Reach.PRIVATE, Reach.PRIVATE), (Reach.PUBLIC, Reach.PUBLIC), (Reach.PUBLIC, Reach.PUBLIC)]


def test_registries_past_counting_are_taken_for_outside() -> None:
    reaches = Reaches()
    for number in range(1000):
        reaches.note(parse_registry(f"r{number}.example"), Reach.LOCAL)
    late = parse_registry("late.example")
    reaches.note(late, Reach.LOCAL)

    assert (reaches.of(late), reaches.of_location(late)) == (Reach.PUBLIC, Reach.PUBLIC)


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("registry.example", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd00::1", Reach.PRIVATE),
        ("::ffff:192.168.0.1", Reach.PRIVATE),
        ("127.0.0.1", Reach.LOCAL),
        ("169.254.169.254", Reach.LOCAL),
        ("fe80::1%eth0", Reach.LOCAL),
        ("0.0.0.0", Reach.LOCAL),
        ("localhost", Reach.LOCAL),
    ],
)
def test_addresses_lie_outside_inside_or_here(address: str, reach: Reach) -> None:
    assert reach_of(address) is reach


def test_proxy_says_nothing_of_where_a_registry_is(
    scripted: Serve, client_of: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(request: Request) -> Answer:
        inner = request.headers["Host"].startswith("inner")
        return TAGS if inner else Answer(307, {"Location": "http://10.0.0.1/"})

    monkeypatch.setenv("http_proxy", scripted(script).url)

    with pytest.raises(AccessDenied, match=r"leads to http://10\.0\.0\.1/; expected no address of an inner network"):
        _tags(client_of("registry.example"), parse_registry("registry.example"))
