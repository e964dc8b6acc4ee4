from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crfs_dav.demo.exchange import Answer
from crfs_dav.errors import Corrupt, Unavailable
from crfs_dav.readers import BytesReader
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.session import HttpRequest, HttpSession
from crfs_dav.registry.settings import RegistrySettings
from tests.support.greeter import server_tls
from tests.support.scripted import Script, Scripted, in_turn
from tests.unit.registry.conftest import Greet

Serve = Callable[[Script], Scripted]

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Sleeps:
    """A clock whose sleeps take no time and are written down."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.clock = Clock(sleep=self.seconds.append)


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def session(sleeps: Sleeps) -> Iterator[HttpSession]:
    session = HttpSession(RegistrySettings(read_seconds=1.0), sleeps.clock)
    yield session
    session.close()


def _status(session: HttpSession, url: str, sleeps: Sleeps) -> int:
    with session.send(HttpRequest("GET", url), Deadline(20, sleeps.clock)) as reply:
        return reply.status


@pytest.mark.parametrize("status", [200, 206, 304, 307, 401, 403, 404, 416, 501])
def test_other_answers_are_given_as_they_are(
    status: int, scripted: Serve, session: HttpSession, sleeps: Sleeps
) -> None:
    server = scripted(in_turn(Answer(status)))

    assert _status(session, server.url, sleeps) == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(status), Answer(status), Answer(200)))

    assert _status(session, server.url, sleeps) == 200
    assert sleeps.seconds == [0.2, 0.4]


def test_tries_are_bounded(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(503)))

    assert _status(session, server.url, sleeps) == 503
    assert len(server.requests) == 3


def test_throttling_is_not_tried_again(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(429)))

    assert _status(session, server.url, sleeps) == 429
    assert len(server.requests) == 1


def test_short_retry_after_is_waited_for(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(429, {"Retry-After": "5"}), Answer(200)))

    assert _status(session, server.url, sleeps) == 200
    assert sleeps.seconds == [5.0]


@pytest.mark.parametrize("status", [429, 503])
def test_long_retry_after_is_the_clients_to_wait(
    status: int, scripted: Serve, session: HttpSession, sleeps: Sleeps
) -> None:
    server = scripted(in_turn(Answer(status, {"Retry-After": "6"}), Answer(200)))

    assert _status(session, server.url, sleeps) == status
    assert sleeps.seconds == []


def test_wait_past_the_deadline_is_not_begun(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(429, {"Retry-After": "4"}), Answer(200)))

    with session.send(HttpRequest("GET", server.url), Deadline(3, sleeps.clock)) as reply:
        assert reply.status == 429


def test_nothing_is_followed_and_nothing_kept(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(307, {"Location": "/there", "Set-Cookie": "sid=1; Path=/"})))

    _status(session, server.url, sleeps)
    _status(session, server.url, sleeps)

    assert [request.path for request in server.requests] == ["/", "/"]
    assert [request.headers.get("Cookie") for request in server.requests] == [None, None]


def test_netrc_does_not_touch_our_authorization(
    scripted: Serve, session: HttpSession, sleeps: Sleeps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted(in_turn(Answer(200)))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    session.send(HttpRequest("GET", server.url, {"Authorization": "Bearer ours"}), Deadline(5, sleeps.clock)).close()
    session.send(HttpRequest("GET", server.url), Deadline(5, sleeps.clock)).close()

    assert [request.headers.get("Authorization") for request in server.requests] == ["Bearer ours", None]


def test_bodies_are_asked_for_as_they_are_and_not_decoded(
    scripted: Serve, session: HttpSession, sleeps: Sleeps
) -> None:
    server = scripted(in_turn(Answer(200, {"Content-Encoding": "gzip"}, b"\x1f\x8bnot really")))

    with session.send(HttpRequest("GET", server.url), Deadline(5, sleeps.clock)) as reply:
        assert reply.read(100) == b"\x1f\x8bnot really"
    assert server.requests[0].headers.get_all("Accept-Encoding") == ["identity"]
    assert server.requests[0].headers["User-Agent"].startswith("crfs-dav/")


def test_body_over_its_limit_is_refused(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(200, {}, b"x" * 101)))

    reply = session.send(HttpRequest("GET", server.url), Deadline(5, sleeps.clock))

    with reply, pytest.raises(Corrupt, match="body of more than 100 bytes; expected no more"):
        reply.read(100)


def test_body_that_breaks_off_is_no_whole_one(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(200, {}, b"x" * 100, cut_at=50)))

    reply = session.send(HttpRequest("GET", server.url), Deadline(5, sleeps.clock))

    with reply, pytest.raises(Unavailable, match="broke off"):
        reply.read(100)


def test_connections_are_kept_after_errors_too(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    ports = set()

    def script(request: object) -> Answer:
        ports.add(threading.get_ident())  # one thread a connection
        return Answer(404, {}, b"some text")

    server = scripted(script)
    for _ in range(3):
        _status(session, server.url, sleeps)

    assert len(ports) == 1


def test_nobody_there_is_unavailable_at_once(session: HttpSession, sleeps: Sleeps) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v2/?secret=1"
        with pytest.raises(Unavailable, match=r"/v2/: Connection refused; expected an answer") as caught:
            _status(session, url, sleeps)

    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["http://*.example/", "http://a..example/", "http://[::1/"])
def test_what_cannot_be_asked_is_unavailable(url: str, session: HttpSession, sleeps: Sleeps) -> None:
    with pytest.raises(Unavailable):
        _status(session, url, sleeps)


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
)
def test_server_that_drips_ends_with_the_deadline(start: bytes, greeter: Greet) -> None:
    end = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not end.wait(0.02):
            connection.sendall(b"x")

    url = f"http://{greeter(drip).registry}/"
    session = HttpSession(RegistrySettings(), Clock())
    began = time.monotonic()
    try:
        with pytest.raises(Unavailable), session.send(HttpRequest("GET", url), Deadline(0.3, Clock())) as reply:
            reply.read(1 << 20)
    finally:
        session.close()
        end.set()

    assert time.monotonic() - began < 1


class Secure:
    """A web server with TLS: what to do with its connections, and its certificate."""

    def __init__(self, folder: Path) -> None:
        self._context, self.certificate = server_tls(folder)

    def __call__(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(b"HTTP/1.1 204 Fine\r\nConnection: close\r\n\r\n")


def _secure_status(settings: RegistrySettings, url: str) -> int:
    session = HttpSession(settings, Clock())
    try:
        with session.send(HttpRequest("GET", url), Deadline(5, Clock())) as reply:
            return reply.status
    finally:
        session.close()


def test_certificate_is_verified_and_not_tried_twice(greeter: Greet, tmp_path: Path) -> None:
    server = greeter(Secure(tmp_path))

    with pytest.raises(Unavailable, match="certificate verify failed"):
        _secure_status(RegistrySettings(), f"https://{server.registry}/")
    assert server.count == 1


def test_own_ca_is_taken_from_the_settings(greeter: Greet, tmp_path: Path) -> None:
    secure = Secure(tmp_path)
    server = greeter(secure)

    assert _secure_status(RegistrySettings(ca_bundle=secure.certificate), f"https://{server.registry}/") == 204


@pytest.mark.parametrize("variable", _CA_VARIABLES)
def test_own_ca_is_taken_from_the_environment(
    variable: str, greeter: Greet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure = Secure(tmp_path)
    server = greeter(secure)
    for name in _CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(secure.certificate))

    assert _secure_status(RegistrySettings(), f"https://{server.registry}/") == 204


def test_ca_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        _secure_status(RegistrySettings(ca_bundle=tmp_path / "none.pem"), "https://127.0.0.1:1/")


def test_proxy_of_the_environment_is_for_the_world_outside(
    scripted: Serve, session: HttpSession, sleeps: Sleeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = scripted(in_turn(Answer(200))), scripted(in_turn(Answer(204)))
    monkeypatch.setenv("http_proxy", proxy.url)

    assert _status(session, "http://registry.example/v2/", sleeps) == 200
    assert _status(session, server.url, sleeps) == 204

    assert [request.headers["Host"] for request in proxy.requests] == ["registry.example"]


BODY = bytes(range(256)) * 9000  # more than two reads


def _send(session: HttpSession, method: str, server: Scripted, sleeps: Sleeps, body: bytes = BODY) -> int:
    deadline = Deadline(20, sleeps.clock)
    with session.send(HttpRequest(method, server.url, body=BytesReader(body)), deadline) as reply:
        return reply.status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_body_is_sent_with_its_length(method: str, scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(201)))

    assert _send(session, method, server, sleeps) == 201
    assert [(r.method, r.headers["Content-Length"]) for r in server.requests] == [(method, str(len(BODY)))]
    assert server.requests[0].body == BODY


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_empty_body_has_a_length_too(method: str, scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(202)))

    _send(session, method, server, sleeps, b"")

    assert [(r.headers["Content-Length"], r.headers.get("Transfer-Encoding")) for r in server.requests] == [("0", None)]


def test_put_is_tried_again_with_its_whole_body(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(503), Answer(201)))

    assert _send(session, "PUT", server, sleeps) == 201
    assert [request.body == BODY for request in server.requests] == [True, True]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("answer", [Answer(503), Answer(429, {"Retry-After": "1"})])
def test_what_may_have_done_its_work_is_not_tried_again(
    method: str, answer: Answer, scripted: Serve, session: HttpSession, sleeps: Sleeps
) -> None:
    server = scripted(in_turn(answer, Answer(201)))

    assert _send(session, method, server, sleeps) == answer.status


def test_body_that_takes_too_long_is_given_up(scripted: Serve, session: HttpSession, sleeps: Sleeps) -> None:
    server = scripted(in_turn(Answer(201)))
    late = Deadline(20, Clock(now=itertools.count(0, 15).__next__))

    with pytest.raises(Unavailable, match=r"PUT .*: not done after 20 s"):
        session.send(HttpRequest("PUT", server.url, body=BytesReader(BODY)), late)
    assert all(request.body == b"" for request in server.requests)  # its head may have arrived
