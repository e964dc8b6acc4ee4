"""Requests that carry a body: their tokens, and where redirects may take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.names import parse_registry
from crfs_dav.readers import BytesReader
from crfs_dav.registry.deadline import Clock
from crfs_dav.registry.settings import RegistrySettings
from crfs_dav.registry.transport import Call, Transport
from tests.support.scripted import Script, Scripted, by_path, in_turn, lines

Serve = Callable[[Script], Scripted]
PATH = "a/b/blobs/uploads/"


class Writer:
    """Asks one scripted registry to take `body`."""

    def __init__(self, server: Scripted) -> None:
        self._registry = parse_registry(server.host)
        self.transport = Transport(RegistrySettings(schemes={self._registry: "http"}), Clock())

    def status(self, method: str, body: bytes = b"body") -> int:
        call = Call(self._registry, PATH, "repository:a/b:pull,push", method, body=BytesReader(body))  # type: ignore[arg-type]
        with self.transport.ask(call, self.transport.deadline()) as reply:
            return reply.status


@pytest.fixture
def writer_to() -> Iterator[Callable[[Scripted], Writer]]:
    made: list[Writer] = []

    def make(server: Scripted) -> Writer:
        made.append(Writer(server))
        return made[-1]

    yield make
    for writer in made:
        writer.transport.close()


def _guarded(scope: str) -> Script:
    def script(request: Request) -> Answer:
        if request.path == "/token":
            return json_answer({"token": "t"})
        if request.headers.get("Authorization") == "Bearer t":
            return Answer(202)
        return Answer(401, {"WWW-Authenticate": f'Bearer realm="/token",service="reg",scope="{scope}"'})

    return script


@pytest.mark.parametrize(
    ("challenged", "asked"),
    [
        ("repository:a/b:pull", ["repository:a/b:pull,push"]),
        ("repository:a/b:pull,push", ["repository:a/b:pull,push"]),
        ("repository:a/b:delete", ["repository:a/b:delete"]),
        ("repository:a/b:pull repository:c/d:pull", ["repository:a/b:pull,push", "repository:c/d:pull"]),
    ],
)
def test_token_to_write_with_is_asked_for_at_once(
    challenged: str, asked: list[str], scripted: Serve, writer_to: Callable[[Scripted], Writer]
) -> None:
    server = scripted(_guarded(challenged))

    assert writer_to(server).status("POST") == 202

    assert lines(server.requests) == [f"POST /v2/{PATH}", "GET /token", f"POST /v2/{PATH}"]
    assert server.requests[1].query["scope"] == asked
    assert server.requests[2].body == b"body"


@pytest.mark.parametrize("status", [307, 308])
def test_body_follows_a_redirect_that_keeps_the_method(
    status: int, scripted: Serve, writer_to: Callable[[Scripted], Writer]
) -> None:
    server = scripted(by_path({f"/v2/{PATH}": Answer(status, {"Location": "/there"}), "/there": Answer(202)}))

    assert writer_to(server).status("PUT") == 202
    assert [(request.path, request.body) for request in server.requests][1:] == [("/there", b"body")]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirect_that_changes_the_method_is_the_answer(
    status: int, scripted: Serve, writer_to: Callable[[Scripted], Writer]
) -> None:
    server = scripted(in_turn(Answer(status, {"Location": "/there"})))

    assert writer_to(server).status("POST") == status
    assert len(server.requests) == 1
