from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.demo.exchange import Answer
from crfs_dav.errors import Unavailable
from crfs_dav.names import Registry, parse_registry
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.scheme import Endpoint, Schemes
from crfs_dav.registry.settings import RegistrySettings
from tests.support.scripted import Script, Scripted, in_turn


class Greeter:
    """Accepts connections and does `greet` with each; counts them."""

    def __init__(self, greet: Callable[[socket.socket], None]) -> None:
        self.count = 0
        self._greet = greet
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        self.registry = parse_registry(f"127.0.0.1:{self._socket.getsockname()[1]}")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            with connection:
                try:
                    self._greet(connection)
                except OSError:
                    continue


Greet = Callable[[Callable[[socket.socket], None]], Greeter]


@pytest.fixture
def greeter() -> Iterator[Greet]:
    made: list[Greeter] = []

    def make(greet: Callable[[socket.socket], None]) -> Greeter:
        made.append(Greeter(greet))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def server_context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """TLS with a certificate that nobody trusts."""
    key: Path = tmp_path_factory.mktemp("tls") / "key.pem"
    certificate = key.with_name("certificate.pem")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=nobody".split()
    subprocess.run(["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _endpoint(registry: Registry, **schemes: object) -> Endpoint:
    settings = RegistrySettings(schemes={registry: s for s in schemes.values()})  # type: ignore[dict-item, misc]
    return Schemes(settings).endpoint(registry, Deadline(5, Clock()))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("docker.io", "https://registry-1.docker.io/v2/"),
        ("ghcr.io", "https://ghcr.io/v2/"),
        ("registry.example:5000", "https://registry.example:5000/v2/"),
        ("8.8.8.8", "https://8.8.8.8/v2/"),
        ("registry.local", "https://registry.local/v2/"),
    ],
)
def test_public_names_are_https_and_nobody_is_asked(name: str, url: str) -> None:
    endpoint = _endpoint(parse_registry(name))

    assert (endpoint.url(), endpoint.is_trusted) == (url, True)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", ["registry.example", "127.0.0.1:1"])
def test_configured_scheme_wins_and_is_trusted(name: str, scheme: str) -> None:
    endpoint = _endpoint(parse_registry(name), scheme=scheme)

    assert (endpoint.scheme, endpoint.is_trusted) == (scheme, True)


def test_plain_http_on_loopback_is_found_by_a_greeting_and_not_trusted(
    scripted: Callable[[Script], Scripted],
) -> None:
    server = scripted(in_turn(Answer(200)))

    endpoint = _endpoint(parse_registry(server.host))

    assert (endpoint.scheme, endpoint.is_trusted) == ("http", False)
    assert server.requests == []


def test_tls_on_loopback_is_found_whoever_signed_its_certificate(
    greeter: Greet, server_context: ssl.SSLContext
) -> None:
    def greet(connection: socket.socket) -> None:
        server_context.wrap_socket(connection, server_side=True).close()

    endpoint = _endpoint(greeter(greet).registry)

    assert (endpoint.scheme, endpoint.is_trusted) == ("https", True)


def test_refusal_in_tls_is_tls_and_no_way_to_http(greeter: Greet) -> None:
    alert = bytes([21, 3, 3, 0, 2, 2, 40])  # handshake_failure (RFC 5246, 7.2)

    def greet(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(alert)

    assert _endpoint(greeter(greet).registry).scheme == "https"


def test_server_that_hangs_up_on_a_greeting_is_http(greeter: Greet) -> None:
    assert _endpoint(greeter(lambda connection: connection.recv(4096) and None).registry).scheme == "http"


def test_winner_is_remembered_and_found_once_for_all_threads(greeter: Greet) -> None:
    def greet(connection: socket.socket) -> None:
        connection.recv(4096)
        time.sleep(0.05)

    server = greeter(greet)
    schemes = Schemes(RegistrySettings())
    with ThreadPoolExecutor(8) as pool:
        endpoints = list(pool.map(lambda _: schemes.endpoint(server.registry, Deadline(5, Clock())), range(8)))
    schemes.endpoint(server.registry, Deadline(5, Clock()))

    assert {endpoint.scheme for endpoint in endpoints} == {"http"}
    assert server.count == 1


def test_nobody_there_is_unavailable_and_not_remembered() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        registry = parse_registry(f"127.0.0.1:{unused.getsockname()[1]}")
        schemes = Schemes(RegistrySettings())
        with pytest.raises(Unavailable, match="Connection refused; expected a connection"):
            schemes.endpoint(registry, Deadline(5, Clock()))
        unused.listen()
        unused_thread = threading.Thread(target=lambda: unused.accept()[0].close())
        unused_thread.start()

        assert schemes.endpoint(registry, Deadline(5, Clock())).scheme == "http"
        unused_thread.join()


def test_silence_ends_with_the_deadline_and_is_no_way_to_http(greeter: Greet) -> None:
    release = threading.Event()
    server = greeter(lambda connection: release.wait(5) and None)
    schemes = Schemes(RegistrySettings())
    began = time.monotonic()

    with pytest.raises(Unavailable):
        schemes.endpoint(server.registry, Deadline(0.2, Clock()))

    release.set()
    assert time.monotonic() - began < 1
