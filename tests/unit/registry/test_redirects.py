from __future__ import annotations

from collections.abc import Callable

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, Unavailable
from crfs_dav.names import parse_registry, parse_repository
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.credentials.secret import Login
from tests.support.scripted import Script, Scripted, by_path, in_turn, lines
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

TAGS = json_answer({"tags": ["v1"]})


def _tags(client: RegistryClient, host: str) -> list[str]:
    return [tag.name for tag in client.tags(parse_repository(parse_registry(host), "a"))]


def _with_basic(script: Script) -> Script:
    def guarded(request: Request) -> Answer:
        if "Authorization" not in request.headers:
            return Answer(401, {"WWW-Authenticate": "Basic realm=a"})
        return script(request)

    return guarded


def test_authorization_stays_at_the_registry(scripted: Serve, client_of: OpenClient) -> None:
    storage = scripted(in_turn(TAGS))
    server = scripted(_with_basic(in_turn(Answer(307, {"Location": f"{storage.url}/signed?Signature=s"}))))
    client = client_of(server.host, credentials=lambda *_: Login("me", "pw"))

    assert _tags(client, server.host) == ["v1"]

    assert [request.headers.get("Authorization") for request in server.requests] == [None, "Basic bWU6cHc="]
    assert [request.headers.get("Authorization") for request in storage.requests] == [None]
    assert storage.requests[0].query == {"Signature": ["s"]}


def test_authorization_comes_along_to_the_registrys_own_paths(scripted: Serve, client_of: OpenClient) -> None:
    answers = by_path({"/v2/a/tags/list": Answer(302, {"Location": "/moved"}), "/moved": TAGS})
    server = scripted(_with_basic(answers))
    client = client_of(server.host, credentials=lambda *_: Login("me", "pw"))

    assert _tags(client, server.host) == ["v1"]
    assert lines(server.requests) == ["GET /v2/a/tags/list", "GET /v2/a/tags/list", "GET /moved"]
    assert server.requests[-1].headers["Authorization"] == "Basic bWU6cHc="


def test_storage_that_asks_for_a_login_gets_none(scripted: Serve, client_of: OpenClient) -> None:
    storage = scripted(in_turn(Answer(401, {"WWW-Authenticate": "Basic realm=a"})))
    server = scripted(_with_basic(in_turn(Answer(307, {"Location": storage.url}))))
    client = client_of(server.host, credentials=lambda *_: Login("me", "pw"))

    with pytest.raises(AccessDenied):
        _tags(client, server.host)

    assert [request.headers.get("Authorization") for request in storage.requests] == [None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_five_hops_are_gone_and_no_more(status: int, scripted: Serve, client_of: OpenClient) -> None:
    def script(request: Request) -> Answer:
        hop = int(request.path.rpartition("/")[2]) if request.path.startswith("/hop/") else 0
        return TAGS if hop == 5 else Answer(status, {"Location": f"/hop/{hop + 1}"})

    server = scripted(script)

    assert _tags(client_of(server.host), server.host) == ["v1"]
    assert len(server.requests) == 6


def test_redirects_in_a_circle_end(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(307, {"Location": "/round"})))

    with pytest.raises(Unavailable, match="more than 5 redirects"):
        _tags(client_of(server.host), server.host)

    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("ftp://files.example/a", Corrupt),
        ("file:///etc/passwd", Corrupt),
        ("https://me:pw@files.example/", Corrupt),
    ],
)
def test_redirect_to_what_is_no_web_address_is_refused(
    location: str, error: type[CrfsError], scripted: Serve, client_of: OpenClient
) -> None:
    server = scripted(in_turn(Answer(307, {"Location": location})))

    with pytest.raises(error) as caught:
        _tags(client_of(server.host), server.host)

    assert "pw" not in str(caught.value)


def test_redirect_without_a_location_is_unavailable(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(307)))

    with pytest.raises(Unavailable, match="307; expected 200"):
        _tags(client_of(server.host), server.host)


def test_big_body_of_a_redirect_is_not_waited_for(scripted: Serve, client_of: OpenClient) -> None:
    endless = Answer(307, {"Location": "/there", "Content-Length": "999999999"}, b"x" * 1000, cut_at=1000, silent=True)
    server = scripted(by_path({"/v2/a/tags/list": endless, "/there": TAGS}))

    assert _tags(client_of(server.host), server.host) == ["v1"]
