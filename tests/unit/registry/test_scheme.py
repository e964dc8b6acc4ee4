from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.demo.exchange import Answer
from crfs_dav.errors import Unavailable
from crfs_dav.names import Registry, parse_registry
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.scheme import Endpoint, Schemes
from crfs_dav.registry.settings import RegistrySettings, Scheme
from tests.support.greeter import server_tls
from tests.support.scripted import Script, Scripted, in_turn
from tests.unit.registry.conftest import Greet


def _endpoint(registry: Registry, scheme: Scheme | None = None) -> Endpoint:
    settings = RegistrySettings(schemes={} if scheme is None else {registry: scheme})
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
def test_configured_scheme_wins_and_is_trusted(name: str, scheme: Scheme) -> None:
    endpoint = _endpoint(parse_registry(name), scheme)

    assert (endpoint.scheme, endpoint.is_trusted) == (scheme, True)


def test_plain_http_on_loopback_is_found_by_a_greeting_and_not_trusted(
    scripted: Callable[[Script], Scripted],
) -> None:
    server = scripted(in_turn(Answer(200)))

    endpoint = _endpoint(parse_registry(server.host))

    assert (endpoint.scheme, endpoint.is_trusted) == ("http", False)
    assert server.requests == []


def test_tls_on_loopback_is_found_whoever_signed_its_certificate(greeter: Greet, tmp_path: Path) -> None:
    context, _ = server_tls(tmp_path)

    def greet(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True).close()

    endpoint = _endpoint(greeter(greet).registry)

    assert (endpoint.scheme, endpoint.is_trusted) == ("https", True)


def test_refusal_in_tls_is_tls_and_no_way_to_http(greeter: Greet) -> None:
    alert = bytes([21, 3, 3, 0, 2, 2, 40])  # handshake_failure (RFC 5246, 7.2)

    def greet(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(alert)

    assert _endpoint(greeter(greet).registry).scheme == "https"


def test_server_that_hangs_up_on_a_greeting_is_http(greeter: Greet) -> None:
    assert _endpoint(greeter(lambda connection: connection.recv(4096)).registry).scheme == "http"


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
    server = greeter(lambda connection: release.wait(5))
    schemes = Schemes(RegistrySettings())
    began = time.monotonic()

    with pytest.raises(Unavailable):
        schemes.endpoint(server.registry, Deadline(0.2, Clock()))

    release.set()
    assert time.monotonic() - began < 1
