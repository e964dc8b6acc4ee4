"""When bytes arrive is arithmetic."""

from __future__ import annotations

import pytest

from tests.support.wire import Speed, Wire


def arrivals(wire: Wire[str], now: float) -> list[tuple[float, str, int]]:
    return [(round(seconds, 6), connection, len(data)) for seconds, connection, data in wire.send(now)]


def test_bytes_arrive_half_a_round_trip_after_they_are_on_the_wire() -> None:
    wire: Wire[str] = Wire(Speed(round_trip_seconds=0.5, bits_per_second=8000))
    wire.offer("a", bytes(1000), now=10.0)

    assert arrivals(wire, now=10.0) == [(11.25, "a", 1000)]


def test_bytes_wait_until_the_wire_is_free() -> None:
    wire: Wire[str] = Wire(Speed(bits_per_second=8000))
    for now in (10.0, 10.2):
        wire.offer("a", bytes(1000), now)

    assert (arrivals(wire, now=10.2), arrivals(wire, now=11.0)) == ([(11.0, "a", 1000)], [(12.0, "a", 1000)])


def test_the_wire_does_not_gather_time_while_nothing_is_sent() -> None:
    wire: Wire[str] = Wire(Speed(bits_per_second=8000))
    wire.offer("a", bytes(1000), now=10.0)
    first = arrivals(wire, now=10.0)
    wire.offer("a", bytes(1000), now=20.0)

    assert (first, arrivals(wire, now=20.0)) == ([(11.0, "a", 1000)], [(21.0, "a", 1000)])


def test_a_wire_that_is_looked_at_late_loses_no_time() -> None:
    wire: Wire[str] = Wire(Speed(bits_per_second=8000))
    for _ in range(3):
        wire.offer("a", bytes(1000), now=10.0)

    assert arrivals(wire, now=12.9) == [(11.0, "a", 1000), (12.0, "a", 1000), (13.0, "a", 1000)]


def test_connections_take_turns() -> None:
    wire: Wire[str] = Wire(Speed(bits_per_second=8000))
    for connection in ("a", "a", "a", "b"):
        wire.offer(connection, bytes(1000), now=10.0)

    assert [connection for _, connection, _ in wire.send(now=100.0)] == ["a", "b", "a", "a"]


def test_a_link_without_bandwidth_only_delays() -> None:
    wire: Wire[str] = Wire(Speed(round_trip_seconds=0.2))
    for _ in range(2):
        wire.offer("a", bytes(10**6), now=1.0)

    assert arrivals(wire, now=1.0) == [(1.1, "a", 10**6)] * 2


@pytest.mark.parametrize(("bits", "size"), [(0, 128 << 10), (1e9, 125_000), (1e8, 12_500), (1e6, 1500)])
def test_a_turn_lasts_about_a_millisecond(bits: float, size: int) -> None:
    assert Speed(bits_per_second=bits).piece_size == size
