"""Identity tokens, registry tokens, and what is done where both kinds of challenge are offered."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.errors import AccessDenied
from crfs_dav.names import parse_registry, parse_repository
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.credentials.secret import IdentityToken, Login, RegistryToken, Secret
from tests.support.scripted import Script, Scripted, lines
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

TAGS = json_answer({"tags": ["v1"]})
BEARER = 'Bearer realm="/token",service="reg",scope="repository:a/b:pull"'
LIST = "GET /v2/a/b/tags/list"


class Azure:
    """A script of a registry whose token server takes refresh tokens, and may renew them."""

    def __init__(self) -> None:
        self.refresh_token = "r1"
        self.renewed: str | None = None
        self.posts = True
        self.seconds = 300
        self.challenge = BEARER

    def __call__(self, request: Request) -> Answer:
        if request.path == "/token":
            return self._token(request)
        if request.headers.get("Authorization") in ("Bearer t", "Basic bWU6cHc=", "Bearer ready"):
            return TAGS
        return Answer(401, {"WWW-Authenticate": self.challenge})

    def _token(self, request: Request) -> Answer:
        if request.method == "GET":
            return json_answer({"token": "t"}) if "Authorization" in request.headers else Answer(401)
        if not self.posts:
            return Answer(404)
        if parse_qs(request.body.decode())["refresh_token"] != [self.refresh_token]:
            return Answer(400)
        answer = {"access_token": "t", "expires_in": self.seconds}
        if self.renewed is not None:
            self.refresh_token = answer["refresh_token"] = self.renewed
        return json_answer(answer)


def _client(server: Scripted, client_of: OpenClient, secret: Secret) -> RegistryClient:
    return client_of(server.host, credentials=lambda *_: secret)


def _tags(client: RegistryClient, server: Scripted, name: str = "a/b") -> list[str]:
    return [tag.name for tag in client.tags(parse_repository(parse_registry(server.host), name))]


def test_identity_token_is_posted(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Azure())

    assert _tags(_client(server, client_of, IdentityToken("r1")), server) == ["v1"]

    assert lines(server.requests) == [LIST, "POST /token", LIST]
    asked = server.requests[1]
    assert asked.query == {}
    assert asked.headers.get("Authorization") is None
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["refresh_token"],
        "service": ["reg"],
        "client_id": ["crfs-dav"],
        "scope": ["repository:a/b:pull"],
        "refresh_token": ["r1"],
    }


@pytest.mark.parametrize(("user", "sent"), [("me", "Basic bWU6cjE="), ("", "Basic PHRva2VuPjpyMQ==")])
def test_identity_token_is_the_password_where_nothing_can_be_posted(
    user: str, sent: str, scripted: Serve, client_of: OpenClient
) -> None:
    azure = Azure()
    azure.posts = False
    server = scripted(azure)

    assert _tags(_client(server, client_of, IdentityToken("r1", user)), server) == ["v1"]

    assert lines(server.requests) == [LIST, "POST /token", "GET /token", LIST]
    assert server.requests[2].headers["Authorization"] == sent


def test_renewed_identity_token_is_used_from_then_on(scripted: Serve, client_of: OpenClient) -> None:
    azure = Azure()
    azure.renewed = "r2"
    server = scripted(azure)
    client = _client(server, client_of, IdentityToken("r1"))

    _tags(client, server)
    _tags(client, server, "a/c")

    posts = [request for request in server.requests if request.method == "POST"]
    assert [parse_qs(request.body.decode())["refresh_token"] for request in posts] == [["r1"], ["r2"]]


def test_renewed_identity_token_that_is_refused_is_forgotten(scripted: Serve, client_of: OpenClient) -> None:
    azure = Azure()
    azure.renewed = "r2"
    server = scripted(azure)
    client = _client(server, client_of, IdentityToken("r1"))
    _tags(client, server)
    azure.renewed, azure.refresh_token = None, "r1"

    with pytest.raises(AccessDenied):
        _tags(client, server, "a/c")
    assert _tags(client, server, "a/c") == ["v1"]


def test_registry_token_is_sent_as_it_is(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Azure())

    assert _tags(_client(server, client_of, RegistryToken("ready")), server) == ["v1"]
    assert lines(server.requests) == [LIST, LIST]


def test_registry_token_that_is_refused_is_access_denied(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Azure())

    with pytest.raises(AccessDenied, match="401"):
        _tags(_client(server, client_of, RegistryToken("old")), server)
    assert len(server.requests) == 2


def test_basic_is_the_way_out_where_the_token_server_refuses(scripted: Serve, client_of: OpenClient) -> None:
    azure = Azure()
    azure.challenge = f'{BEARER},Basic realm="x"'
    server = scripted(lambda request: Answer(403) if request.path == "/token" else azure(request))

    assert _tags(_client(server, client_of, Login("me", "pw")), server) == ["v1"]
    assert lines(server.requests) == [LIST, "GET /token", LIST]


@pytest.mark.parametrize(("user", "count"), [("me", 2), ("", 1)])
def test_identity_token_answers_basic_as_its_users_password(
    user: str, count: int, scripted: Serve, client_of: OpenClient
) -> None:
    server = scripted(lambda request: Answer(401, {"WWW-Authenticate": "Basic realm=x"}))

    with pytest.raises(AccessDenied):
        _tags(_client(server, client_of, IdentityToken("r1", user)), server)
    assert len(server.requests) == count


@pytest.mark.parametrize("secret", [IdentityToken("hunter2"), RegistryToken("hunter2"), Login("me", "hunter2")])
def test_secret_is_in_no_text_of_it(secret: Secret) -> None:
    assert "hunter2" not in repr(secret)


def test_keys_of_ibm_and_others_are_plain_logins(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(Azure())

    _tags(_client(server, client_of, Login("iamapikey", "key")), server)

    assert server.requests[1].headers["Authorization"] == "Basic aWFtYXBpa2V5OmtleQ=="
