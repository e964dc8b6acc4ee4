"""The simulated link: what arrives is what was sent, as late as it should, and counted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from tests.support.images import NOISE, add_layers
from tests.support.link import Link, Request, Speed, depth, link


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        add_layers(registry, "any", "x", (NOISE, {}))
        yield registry


@pytest.fixture
def near(registry: DemoRegistry) -> Iterator[Link]:
    with link(registry.host, Speed(round_trip_seconds=0.001, bits_per_second=1e9)) as made:
        yield made


def get(host: str, path: str, *, times: int = 1) -> list[bytes]:
    """What `host` answers, over one connection."""
    answers = []
    with closing(HTTPConnection(host)) as connection:
        for _ in range(times):
            connection.request("GET", path)
            answers.append(connection.getresponse().read())
    return answers


def noise_path() -> str:
    return f"/v2/any/blobs/{digest_of(NOISE)}"


def seconds_of(speed: Speed, registry: DemoRegistry, *, connections: int = 1, times: int = 1) -> float:
    """For so many answers of `NOISE` over each of so many connections."""
    with link(registry.host, speed) as made, ThreadPoolExecutor(connections) as clients:
        started = time.monotonic()
        list(clients.map(lambda _: get(made.host, noise_path(), times=times), range(connections)))
        return time.monotonic() - started


def test_answers_pass_unchanged_and_are_counted(near: Link) -> None:
    assert get(near.host, noise_path(), times=2) == [NOISE, NOISE]

    passed = near.passed
    assert (passed.connections, len(passed.requests), passed.depth) == (1, 2, 2)
    assert 2 * len(NOISE) < passed.bytes_down < 2 * len(NOISE) + 2000


def test_counting_can_begin_anew(near: Link) -> None:
    get(near.host, "/v2/")
    near.reset()

    passed = near.passed
    assert (passed.requests, passed.bytes_up, passed.bytes_down) == ((), 0, 0)


def test_each_answer_takes_a_round_trip_and_so_does_the_connection(registry: DemoRegistry) -> None:
    """Only the least is certain: a busy machine adds to it."""
    assert seconds_of(Speed(round_trip_seconds=0.02), registry, times=4) >= 5 * 0.02


def test_connections_share_the_bandwidth(registry: DemoRegistry) -> None:
    assert seconds_of(Speed(bits_per_second=4e8), registry, connections=4) >= 4 * len(NOISE) * 8 / 4e8


def test_the_end_of_one_direction_passes_too() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made = stack.enter_context(link(f"127.0.0.1:{listener.getsockname()[1]}", Speed()))
        host, _, port = made.host.partition(":")
        client = stack.enter_context(socket.create_connection((host, int(port))))
        server = stack.enter_context(listener.accept()[0])
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert server.makefile("rb").read() == b"question"
        server.sendall(b"answer")
        server.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read() == b"answer"


def test_a_client_that_goes_away_ends_the_servers_connection() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made = stack.enter_context(link(f"127.0.0.1:{listener.getsockname()[1]}", Speed()))
        host, _, port = made.host.partition(":")
        client = socket.create_connection((host, int(port)))
        server = stack.enter_context(listener.accept()[0])
        client.close()
        assert server.recv(1) == b""

        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            while True:
                server.sendall(bytes(1 << 20))


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([], 0),
        ([(0, 1), (1, 2), (2, 3)], 3),
        ([(0, 1), (0.5, 1.5), (1, 2)], 2),
        ([(0, 9), (1, 2), (3, 4)], 2),
    ],
)
def test_depth_counts_requests_that_waited_for_one_another(requests: list[tuple[float, float]], expected: int) -> None:
    assert depth([Request(*each) for each in requests]) == expected
