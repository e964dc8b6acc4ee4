from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, Unavailable
from crfs_dav.names import Registry, parse_registry, parse_repository
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.credentials.secret import Login
from crfs_dav.registry.deadline import Clock
from tests.support.scripted import Script, Scripted, lines
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

TAGS = json_answer({"tags": ["v1"]})


class Guarded:
    """A script of a registry that lets bearers of its current token in, and of its token server at `/token`."""

    def __init__(self, **token: Any) -> None:
        self.token: dict[str, Any] = {"token": "t1", "expires_in": 300, **token}
        self.challenge = 'Bearer realm="/token",service="reg",scope="repository:a/b:pull"'
        self.refusal = Answer(401, {})

    def __call__(self, request: Request) -> Answer:
        if request.path == "/token":
            return json_answer(self.token)
        wanted = self.token.get("token") or self.token.get("access_token")
        if request.headers.get("Authorization") == f"Bearer {wanted}":
            return TAGS
        return Answer(401, {"WWW-Authenticate": self.challenge}, b"{}")


class Time:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = Clock(now=lambda: self.seconds)


def _tags(client: RegistryClient, host: str, name: str = "a/b") -> list[str]:
    return [tag.name for tag in client.tags(parse_repository(parse_registry(host), name))]


def _token_requests(server: Scripted) -> list[Request]:
    return [request for request in server.requests if request.path == "/token"]


def test_token_dance_takes_three_requests_and_then_none(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Guarded())
    client = client_of(server.host)

    assert _tags(client, server.host) == ["v1"]
    assert _tags(client, server.host) == ["v1"]

    path = "/v2/a/b/tags/list"
    assert lines(server.requests) == [f"GET {path}", "GET /token", f"GET {path}", f"GET {path}"]


def test_token_is_asked_for_by_service_and_scope_without_credentials(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Guarded())

    _tags(client_of(server.host), server.host)

    asked = _token_requests(server)[0]
    assert asked.query == {"service": ["reg"], "scope": ["repository:a/b:pull"]}
    assert asked.headers.get("Authorization") is None


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        (',scope="repository:other/name:pull"', ["repository:other/name:pull"]),
        (',scope="repository:a/b:pull repository:c/d:pull"', ["repository:a/b:pull", "repository:c/d:pull"]),
        (',scope="repository:user/image:pull"', ["repository:a/b:pull"]),
        (',scope=""', ["repository:a/b:pull"]),
        ("", ["repository:a/b:pull"]),
    ],
)
def test_scope_is_the_challenges_or_else_made_of_the_name(
    scope: str, asked: list[str], scripted: Serve, client_of: OpenClient
) -> None:
    guarded = Guarded()
    guarded.challenge = f'Bearer realm="/token",service="reg"{scope}'
    server = scripted(guarded)

    _tags(client_of(server.host), server.host)

    assert _token_requests(server)[0].query["scope"] == asked


def test_catalog_without_a_scope_asks_for_none(scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()
    guarded.challenge = 'Bearer realm="/token?a=1",service="reg"'
    server = scripted(guarded)

    list(client_of(server.host).level(parse_registry(server.host)).names)

    assert _token_requests(server)[0].query == {"a": ["1"], "service": ["reg"]}


def test_access_token_is_a_token_too(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Guarded(token="", access_token="t2"))

    assert _tags(client_of(server.host), server.host) == ["v1"]


def test_login_goes_to_the_token_server_and_nowhere_else(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Guarded())

    _tags(client_of(server.host, credentials=lambda *_: Login("me", "p:w")), server.host)

    sent = [request.headers.get("Authorization") for request in server.requests]
    assert sent == [None, "Basic bWU6cDp3", "Bearer t1"]


def test_credentials_are_asked_for_by_registry_and_repository(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Guarded())
    asked: list[tuple[Registry, str]] = []
    client = client_of(server.host, credentials=lambda registry, name: asked.append((registry, name)))

    _tags(client, server.host)

    assert asked == [(parse_registry(server.host), "a/b")]


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [(100, 90.0), ("100", 90.0), (None, 54.0), ("soon", 54.0), (-1, 54.0), (0, 54.0)]
)
def test_token_is_renewed_at_nine_tenths_of_its_life(
    expires_in: object, seconds: float, scripted: Serve, client_of: OpenClient
) -> None:
    server = scripted(Guarded(expires_in=expires_in))
    time = Time()
    client = client_of(server.host, clock=time.clock)
    _tags(client, server.host)

    time.seconds += seconds - 0.1
    _tags(client, server.host)
    before = len(_token_requests(server))
    time.seconds += 0.2
    _tags(client, server.host)

    assert (before, len(_token_requests(server))) == (1, 2)
    assert [request.path for request in server.requests][-2:] == ["/token", "/v2/a/b/tags/list"]


def test_token_that_the_registry_no_longer_takes_is_replaced_once(scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()
    server = scripted(guarded)
    client = client_of(server.host)
    _tags(client, server.host)

    guarded.token = {"token": "t2"}

    assert _tags(client, server.host) == ["v1"]
    assert [request.path for request in server.requests][-3:] == ["/v2/a/b/tags/list", "/token", "/v2/a/b/tags/list"]


def test_token_of_too_little_worth_is_no_loop(scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()
    server = scripted(lambda request: guarded(request) if request.path == "/token" else _refused(guarded.challenge))

    with pytest.raises(AccessDenied, match="401 UNAUTHORIZED"):
        _tags(client_of(server.host), server.host)

    assert len(server.requests) == 3


def _refused(challenge: str) -> Answer:
    body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}).encode()
    return Answer(401, {"WWW-Authenticate": challenge}, body)


def test_each_repository_has_its_own_token(scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()
    guarded.challenge = 'Bearer realm="/token",service="reg"'
    server = scripted(guarded)
    client = client_of(server.host)

    for name in ("a/b", "c/d", "a/b"):
        _tags(client, server.host, name)

    assert [r.query["scope"] for r in _token_requests(server)] == [["repository:a/b:pull"], ["repository:c/d:pull"]]


def test_threads_that_need_the_same_token_share_one_flight(scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()
    all_refused = threading.Barrier(6)

    def script(request: Request) -> Answer:
        if request.path != "/token" and "Authorization" not in request.headers:
            all_refused.wait(5)
        return guarded(request)

    server = scripted(script)
    client = client_of(server.host, read_seconds=5)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: _tags(client, server.host), range(6)))

    assert found == [["v1"]] * 6
    assert len(_token_requests(server)) == 1


def test_challenge_missing_from_the_refusal_is_taken_from_the_root(scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()

    def script(request: Request) -> Answer:
        answer = guarded(request)
        return Answer(401) if answer.status == 401 and request.path != "/v2/" else answer

    server = scripted(script)

    assert _tags(client_of(server.host), server.host) == ["v1"]
    path = "/v2/a/b/tags/list"
    assert lines(server.requests) == [f"GET {path}", "GET /v2/", "GET /token", f"GET {path}"]


def _basic_script(request: Request) -> Answer:
    if request.headers.get("Authorization") == "Basic bWU6cHc=":
        return TAGS
    return Answer(401, {"WWW-Authenticate": 'Basic realm="harbor"'})


def test_basic_is_answered_and_then_sent_at_once(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(_basic_script)
    client = client_of(server.host, credentials=lambda *_: Login("me", "pw"))

    assert _tags(client, server.host) == ["v1"]
    assert _tags(client, server.host) == ["v1"]
    assert len(server.requests) == 3


def test_basic_without_credentials_is_access_denied_in_one_request(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(_basic_script)

    with pytest.raises(AccessDenied, match=r"tags/list: 401; expected 200"):
        _tags(client_of(server.host), server.host)
    assert len(server.requests) == 1


def test_bearer_is_preferred_where_both_are_offered(scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()
    guarded.challenge = f'Basic realm="c",{guarded.challenge}'
    server = scripted(guarded)

    assert _tags(client_of(server.host), server.host) == ["v1"]


def test_credentials_never_follow_a_downgrade_to_http(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(_basic_script)
    client = client_of(credentials=lambda *_: Login("me", "pw"))  # http is found out, not configured

    with pytest.raises(AccessDenied, match="wants credentials over http; expected https, or http that"):
        _tags(client, server.host)

    assert [request.headers.get("Authorization") for request in server.requests] == [None]


def test_anonymous_tokens_work_after_a_downgrade_to_http(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Guarded())
    client = client_of(credentials=lambda *_: Login("me", "pw"))

    assert _tags(client, server.host) == ["v1"]
    assert [request.headers.get("Authorization") for request in server.requests] == [None, None, "Bearer t1"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401), AccessDenied),
        (Answer(403), AccessDenied),
        (Answer(404), AccessDenied),
        (Answer(400), AccessDenied),
        (Answer(429, {"Retry-After": "60"}), Unavailable),
        (Answer(500), Unavailable),
        (Answer(302, {"Location": "/elsewhere"}), Unavailable),
        (Answer(200, {}, b"<html>"), Corrupt),
        (Answer(200, {}, b"[]"), Corrupt),
        (Answer(200, {}, b"{}"), Corrupt),
        (Answer(200, {}, b'{"token": 7}'), Corrupt),
        (Answer(200, {}, b'{"token": "a\\r\\nb"}'), Corrupt),
        (Answer(200, {}, b"[" * 60_000), Corrupt),
        (Answer(200, {}, b" " * (65 << 10)), Corrupt),
    ],
)
def test_token_server_that_gives_none(
    answer: Answer, error: type[CrfsError], scripted: Serve, client_of: OpenClient
) -> None:
    guarded = Guarded()
    server = scripted(lambda request: answer if request.path == "/token" else guarded(request))

    with pytest.raises(error):
        _tags(client_of(server.host), server.host)


@pytest.mark.parametrize(
    "realm", ["", "ftp://auth.example/token", "https://me:pw@auth.example/token", "http://[::1/token"]
)
def test_realm_that_is_no_url_is_refused(realm: str, scripted: Serve, client_of: OpenClient) -> None:
    guarded = Guarded()
    guarded.challenge = f'Bearer realm="{realm}"'
    server = scripted(guarded)

    with pytest.raises((AccessDenied, Corrupt)):
        _tags(client_of(server.host), server.host)

    assert len(server.requests) == 1


def test_one_registrys_login_is_not_anothers(scripted: Serve, client_of: OpenClient) -> None:
    first, second = scripted(Guarded()), scripted(_basic_script)
    logins: Mapping[Registry, Login] = {parse_registry(first.host): Login("me", "pw")}
    client = client_of(first.host, second.host, credentials=lambda registry, _: logins.get(registry))

    _tags(client, first.host)
    with pytest.raises(AccessDenied):
        _tags(client, second.host)

    assert all("Authorization" not in request.headers for request in second.requests)


def test_password_is_in_no_text_of_a_login() -> None:
    assert "pw" not in repr(Login("me", "pw"))
