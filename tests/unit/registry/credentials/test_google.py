from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.errors import Corrupt, CrfsError, Unavailable
from crfs_dav.names import parse_registry
from crfs_dav.registry.credentials.google import GoogleMetadata, is_google
from crfs_dav.registry.credentials.secret import Found, Login
from crfs_dav.registry.deadline import Clock
from tests.support.scripted import Script, Scripted, in_turn

Serve = Callable[[Script], Scripted]

FLAVOR = {"Metadata-Flavor": "Google"}
PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
GCR = parse_registry("gcr.io")


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Makes a metadata server that ends with the test."""
    with ExitStack() as stack:

        def make(script: Script) -> Scripted:
            server = stack.enter_context(Scripted(script))
            monkeypatch.setenv("GCE_METADATA_HOST", server.host)
            monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
            return server

        yield make


def _token(text: str, seconds: object = 100) -> Answer:
    return json_answer({"access_token": text, "expires_in": seconds, "token_type": "Bearer"}, FLAVOR)


def test_machine_opens_googles_registries_and_renews_in_time(metadata: Serve) -> None:
    server = metadata(in_turn(_token("one"), _token("two")))
    now = [0.0]
    source = GoogleMetadata(Clock(now=lambda: now[0]))

    secrets = []
    for now[0] in (0.0, 89.0, 91.0):
        found = source(GCR, "x")
        secrets.append(found and found.secret)

    assert secrets == [Login("oauth2accesstoken", token) for token in ("one", "one", "two")]
    assert [(request.path, request.headers["Metadata-Flavor"]) for request in server.requests] == [(PATH, "Google")] * 2
    assert isinstance(found, Found)
    assert found.source == "Google's metadata server"


def test_other_registries_are_not_asked_about(metadata: Serve) -> None:
    server = metadata(in_turn(_token("one")))

    assert GoogleMetadata(Clock())(parse_registry("ghcr.io"), "x") is None
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, {}, b'{"access_token": "x", "expires_in": 1}'), Unavailable),
        (Answer(404, FLAVOR), Unavailable),
        (Answer(200, FLAVOR, b"x"), Corrupt),
        (Answer(200, FLAVOR, b"[]"), Corrupt),
        (_token(""), Corrupt),
        (_token("x", "soon"), Corrupt),
    ],
)
def test_another_server_than_googles_is_not_believed(answer: Answer, error: type[CrfsError], metadata: Serve) -> None:
    def script(request: Request) -> Answer:
        return answer

    metadata(script)

    with pytest.raises(error, match="Google's metadata server: "):
        GoogleMetadata(Clock())(GCR, "x")


def test_machine_elsewhere_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")

    with pytest.raises(Unavailable, match="Connection refused; expected a machine of Google's"):
        GoogleMetadata(Clock())(GCR, "x")


@pytest.mark.parametrize("host", ["gcr.io", "eu.gcr.io", "europe-docker.pkg.dev"])
def test_googles_registries_are_known(host: str) -> None:
    assert is_google(parse_registry(host))


@pytest.mark.parametrize("host", ["gcr.io.example", "notgcr.io", "gcr.io:5000", "docker.io", "evilpkg.dev"])
def test_others_are_not_googles(host: str) -> None:
    assert not is_google(parse_registry(host))
