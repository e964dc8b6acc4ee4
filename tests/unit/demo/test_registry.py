from __future__ import annotations

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from crfs_dav.oci import Platform
from tests.support.http import fetch


def test_requests_are_recorded_with_all_that_a_test_may_ask(registry: DemoRegistry, blob_path: str) -> None:
    fetch(f"{registry.url}{blob_path}?a=1&a=2&b=3", {"Range": "bytes=10-19", "X-Name": "value"})
    [request] = registry.requests
    assert (request.method, request.path, request.range) == ("GET", blob_path, (10, 20))
    assert request.query == {"a": ["1", "2"], "b": ["3"]}
    assert request.headers["x-name"] == "value"


def test_cleared_requests_are_forgotten(registry: DemoRegistry) -> None:
    fetch(f"{registry.url}/v2/")
    registry.clear_requests()
    assert registry.requests == []


def test_requests_of_many_threads_are_all_recorded(registry: DemoRegistry) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: fetch(f"{registry.url}/v2/?n={n}").status, range(64)))
    assert statuses == [200] * 64
    assert {request.asked("n") for request in registry.requests} == {str(n) for n in range(64)}


def test_a_connection_serves_many_requests(registry: DemoRegistry) -> None:
    connection = http.client.HTTPConnection(registry.host, timeout=5)
    for _ in range(3):
        connection.request("GET", "/v2/a/b/tags/list")
        assert connection.getresponse().read()
        first = connection.sock
        assert first is not None
    connection.close()


def test_closing_cuts_idle_connections_and_slow_answers(registry: DemoRegistry) -> None:
    idle = http.client.HTTPConnection(registry.host, timeout=5)
    idle.request("GET", "/v2/")
    idle.getresponse().read()
    registry.faults.delay_seconds = 60
    failures: list[Exception] = []
    slow = threading.Thread(target=lambda: failures.append(_failure(registry.url)))
    slow.start()
    while len(registry.requests) < 2:
        time.sleep(0.005)
    started = time.monotonic()
    registry.close()
    slow.join(5)
    assert time.monotonic() - started < 2
    assert idle.sock.recv(1) == b""
    idle.close()
    assert not slow.is_alive()
    assert [type(failure) for failure in failures] == [http.client.RemoteDisconnected]


def _failure(url: str) -> Exception:
    try:
        fetch(url + "/v2/")
    except (OSError, http.client.HTTPException) as error:
        return error
    return AssertionError("answered")


def test_a_closed_registry_refuses_connections_and_its_port_can_be_had_again() -> None:
    with DemoRegistry() as first:
        fetch(f"{first.url}/v2/")
    with pytest.raises(ConnectionRefusedError):
        fetch(f"{first.url}/v2/")
    with DemoRegistry(port=int(first.host.partition(":")[2])) as second:
        assert fetch(f"{second.url}/v2/").status == 200


def test_an_index_of_an_image_that_is_not_there_is_an_error(registry: DemoRegistry) -> None:
    with pytest.raises(KeyError, match="expected one that a/b holds"):
        registry.add_index("a/b", "x", {Platform("linux", "amd64"): digest_of(b"")})
