"""Row 8, and 11 for it: a whole image is copied from a cold server, by rclone and by a client without pauses.

rclone makes at most one call in 10 ms to any WebDAV server, so nobody could serve it an image of ten thousand files in
less than a hundred seconds. From 1.63 on that can be switched off (https://github.com/rclone/rclone/pull/6897), which
is done here: Debian 12 has an older one, so it comes from PyPI.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.rig import DEBIAN, Rig
from tests.benchmarks.servers import RCLONE
from tests.benchmarks.today import pull
from tests.benchmarks.walk import Walk
from tests.support.link import Passed, Speed
from tests.support.machine import run

_MIB = 1 << 20
_SPEED = Speed(0.030, 1e9)
_LIMIT_SECONDS = 900
_RCLONE_PACE_SECONDS = 0.010
_UNPACED = ("--webdav-pacer-min-sleep", "10us")
_SIZES = (200, 2_000, 20_000)


@dataclass(frozen=True, slots=True)
class _Copy:
    seconds: float
    passed: Passed
    memory: float
    files: int


def copy(rig: Rig) -> list[Figure]:
    """Debian."""
    size = sum(path.stat().st_size for path in rig.debian.layers_of("esgz"))
    with rig.scratch() as folder, rig.link(_SPEED) as wire:
        today = pull(wire, "test/debian", "plain", folder)
    with rig.cold(DEBIAN, _SPEED) as (served, wire):
        walked = Walk(served.url).run()
        walk_requests, walk_memory = len(wire.passed.requests), served.memory()
    copied = _copy(rig, DEBIAN)
    against = {"skopeo, umoci": Against(today, 1 / 1.5)}
    pace = Against((walked.directories + walked.files) * _RCLONE_PACE_SECONDS)  # of one that nobody told
    return [
        Figure(8, "eight connections read Debian, cold", "s", walked.seconds, against),
        Figure(8, "  its requests ", "", walk_requests, {"MiB of the blobs": Against(size / _MIB, 1.0)}),
        Figure(
            8, "rclone copy of Debian, cold, 1 Gbit/s, 30 ms", "s", copied.seconds, against | {"its usual pace": pace}
        ),
        Figure(8, "  its files", "", copied.files),
        Figure(8, "  its requests", "", len(copied.passed.requests), {"MiB of the blobs": Against(size / _MIB, 1.0)}),
        Figure(8, "  its bytes", "MB", copied.passed.bytes_down / 1e6, {"the blobs": Against(size / 1e6)}),
        Figure(11, "memory at most, row 8", "MB", copied.memory, {"at most": Against(300, 1.0)}),
        Figure(11, "memory at most, eight connections", "MB", walk_memory, {"at most": Against(300, 1.0)}),
    ]


def copies_grow(rig: Rig) -> list[Figure]:
    """Images of some thousand files made for it: ten times Debian takes too long."""
    copies = [(count, _copy(rig, rig.sized(count))) for count in _SIZES]
    return [
        *(Figure(8, f"rclone copy, cold, {count:,} files", "s", copied.seconds) for count, copied in copies),
        *(Figure(8, f"  its requests, {count:,} files", "", len(copied.passed.requests)) for count, copied in copies),
    ]


def _copy(rig: Rig, image: str) -> _Copy:
    with rig.cold(image, _SPEED) as (served, wire), rig.scratch() as folder:
        target = folder / "copy"
        started = time.perf_counter()
        run(
            [RCLONE, *_UNPACED, "--config", "", "copy", "--webdav-url", served.url, ":webdav:", target],
            timeout_seconds=_LIMIT_SECONDS,
        )
        seconds = time.perf_counter() - started
        return _Copy(seconds, wire.passed, served.memory(), sum(path.is_file() for path in target.rglob("*")))
