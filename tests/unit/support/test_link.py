"""The simulated link: when bytes arrive is arithmetic, and what arrives is what was sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from tests.support.images import NOISE, add_layers
from tests.support.link import Link, Speed, Wire, link


def test_bytes_arrive_half_a_round_trip_after_they_are_on_the_wire() -> None:
    wire = Wire(Speed(round_trip_seconds=0.5, bits_per_second=8000))

    assert wire.send(bytes(1000), now=10.0) == 11.25


def test_bytes_wait_until_the_wire_is_free_whoever_sent_what_is_before_them() -> None:
    wire = Wire(Speed(round_trip_seconds=0.5, bits_per_second=8000))
    wire.send(bytes(1000), now=10.0)

    assert [wire.send(bytes(500), now=10.2), wire.send(bytes(500), now=20.0)] == [11.75, 20.75]


def test_a_link_without_bandwidth_only_delays() -> None:
    assert Wire(Speed(round_trip_seconds=0.2)).send(bytes(10**9), now=1.0) == 1.1


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


@pytest.fixture
def near(registry: DemoRegistry) -> Iterator[Link]:
    with link(registry.host, Speed(round_trip_seconds=0.001, bits_per_second=1e9)) as made:
        yield made


def test_answers_pass_unchanged_and_are_counted(registry: DemoRegistry, near: Link) -> None:
    add_layers(registry, "any", "x", (NOISE, {}))
    with closing(HTTPConnection(near.host)) as connection:
        for _ in range(2):
            connection.request("GET", f"/v2/any/blobs/{digest_of(NOISE)}")
            assert connection.getresponse().read() == NOISE

    assert near.requests == 2
    assert 2 * len(NOISE) < near.bytes_down < 2 * len(NOISE) + 2000


def test_counting_can_begin_anew(near: Link) -> None:
    with closing(HTTPConnection(near.host)) as connection:
        connection.request("GET", "/v2/")
        connection.getresponse().read()
    near.reset()

    assert (near.requests, near.bytes_down) == (0, 0)


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
