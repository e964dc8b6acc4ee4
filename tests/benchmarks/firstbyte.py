"""Row 7: how soon a cold image gives its first byte."""

from __future__ import annotations

from statistics import median

from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.load import Client
from tests.benchmarks.rig import BENCH, DEBIAN, Rig
from tests.benchmarks.today import pull_and_read
from tests.support.link import Passed, Speed

_FILE = "many-100/00007.txt"
_ROUND_TRIP = 0.050
_NEAR, _FAR, _SLOW = Speed(0.0, 1e9), Speed(_ROUND_TRIP, 1e9), Speed(_ROUND_TRIP, 1e8)
_TIMES = 5
_SIZES = (200, 2_000, 20_000)


def first_byte(rig: Rig) -> list[Figure]:
    """In round trips, by time and by requests; and for Debian beside its pull."""
    rig.bench  # noqa: B018 - pushed
    far = [_first(rig, BENCH, _FILE, _FAR) for _ in range(_TIMES)]
    near = [_first(rig, BENCH, _FILE, _NEAR) for _ in range(_TIMES)]
    seconds, without = (min(seconds for seconds, _ in times) for times in (far, near))  # the rest is noise
    passed = far[0][1]
    debian = median(_first(rig, DEBIAN, "etc/hostname", _SLOW)[0] for _ in range(_TIMES))
    with rig.scratch() as folder, rig.link(_SLOW) as wire:
        today = pull_and_read(wire, ("test/debian", "plain"), folder, "etc/hostname")
    return [
        Figure(7, "first byte, cold, 2 layers, 50 ms", "s", seconds, {"the same, 0 ms": Against(without)}),
        Figure(
            7, "  the difference, in round trips", "", (seconds - without) / _ROUND_TRIP, {"at most": Against(5, 1.0)}
        ),
        Figure(7, "  requests, of which one after the other", "", passed.depth, {"all": Against(len(passed.requests))}),
        Figure(7, "  connections", "", passed.connections),
        Figure(
            7,
            "first byte of Debian, cold, 100 Mbit/s, 50 ms",
            "s",
            debian,
            {"skopeo, umoci, rclone": Against(today, 20.0)},
        ),
    ]


def first_bytes_grow(rig: Rig) -> list[Figure]:
    """For images of a tenth and of ten times as many files."""
    images = {count: rig.sized(count) for count in _SIZES}
    path = "layer-1/package-0000/00007.txt"
    return [
        Figure(7, f"first byte, cold, 50 ms, {count:,} files", "s", _first(rig, image, path, _FAR)[0])
        for count, image in images.items()
    ]


def _first(rig: Rig, image: str, path: str, speed: Speed) -> tuple[float, Passed]:
    with rig.cold(image, speed) as (served, wire):
        return Client(served.url).first_byte(path), wire.passed
