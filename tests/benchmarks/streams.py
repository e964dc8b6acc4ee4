"""Rows 5 and 6, and 11 for them: one big file, warm and cold."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.data import BIG, BIG_SIZE
from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.inflating import inflate_rates, sha256_rate
from tests.benchmarks.layouts import digest_of_file
from tests.benchmarks.load import Client
from tests.benchmarks.rig import BENCH, Rig
from tests.benchmarks.servers import Served, nginx, rclone
from tests.support.link import Speed
from tests.support.machine import run

_MIB = 1 << 20
_SPEED = Speed(0.010, 1e9)
_MEMORY = {"at most": Against(300, 1.0)}


def warm_stream(rig: Rig) -> list[Figure]:
    """Row 5: by a server that was started anew, from the disk cache of the one before."""
    inflate = inflate_rates(rig.bench.layers[0])
    with ExitStack() as stack:
        folder = stack.enter_context(rig.scratch())
        with rig.crfs(BENCH, folder) as warming:
            Client(warming.url).read(BIG, BIG_SIZE)
        files = stack.enter_context(rclone(rig.bench.root, stack.enter_context(rig.scratch())))
        fastest = stack.enter_context(nginx(rig.bench.root, stack.enter_context(rig.scratch())))
        served = stack.enter_context(rig.crfs(BENCH, folder))
        for each in (files, fastest, served):
            Client(each.url).listing("", 4)
        theirs, limit = _rate(files), max(inflate.values())
        against = {
            "smaller of rclone, inflate": Against(min(theirs, limit), 0.8),
            "rclone": Against(theirs),
            **{name: Against(rate) for name, rate in inflate.items()},
            "sha256 of it, one thread": Against(sha256_rate(rig.bench.root / BIG)),
            "nginx": Against(_rate(fastest)),
        }
        ours = _rate(served)
        memory = served.memory()
    return [
        Figure(5, "GET of 200 MB, from the disk cache", "MB/s", ours, against),
        Figure(11, "memory at most, row 5", "MB", memory, _MEMORY),
    ]


def cold_stream(rig: Rig) -> list[Figure]:
    """Row 6: the table of contents is known, nothing else."""
    layer = rig.bench.layers[0]
    size = layer.stat().st_size
    with rig.cold(BENCH, _SPEED) as (served, wire):
        Client(served.url).listing("", 4)
        wire.reset()
        ours = Client(served.url).read(BIG, BIG_SIZE)
        passed, memory = wire.passed, served.memory()
    curl = _curl(rig, layer)
    inflate = BIG_SIZE / 1e6 / max(inflate_rates(layer).values())
    slower = max(curl, inflate)
    against = {
        "slower of link, inflate": Against(slower, 0.9),
        "curl of the blob": Against(curl),
        "inflate, fastest of three": Against(inflate),
        "the link's own arithmetic": Against(_SPEED.seconds(size)),
    }
    return [
        Figure(6, "GET of 200 MB, cold, 1 Gbit/s, 10 ms", "s", ours, against),
        Figure(6, "  its requests", "", len(passed.requests), {"MiB of the blob": Against(size / _MIB)}),
        Figure(6, "  its bytes", "MB", passed.bytes_down / 1e6, {"the blob": Against(size / 1e6)}),
        Figure(6, "  processor time of the link itself", "s", passed.processor_seconds),
        Figure(11, "memory at most, row 6", "MB", memory, _MEMORY),
    ]


def _rate(served: Served) -> float:
    return BIG_SIZE / Client(served.url).read(BIG, BIG_SIZE) / 1e6


def _curl(rig: Rig, layer: Path) -> float:
    """Seconds for the blob of `layer`."""
    path = f"/v2/test/bench/blobs/{digest_of_file(layer)}"
    with rig.link(_SPEED) as wire, rig.scratch() as folder:
        started = time.perf_counter()
        run(["curl", "-sSf", "-o", folder / "blob", f"http://{wire.host}{path}"])
        return time.perf_counter() - started
