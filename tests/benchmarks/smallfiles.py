"""Rows 3 and 4: requests a second for small files that are all in memory."""

from __future__ import annotations

import os
from contextlib import ExitStack

from tests.benchmarks.data import SMALL_SIZE
from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.load import Client, requests_per_second
from tests.benchmarks.rig import BENCH, Rig
from tests.benchmarks.servers import Served, cheroot, nginx, rclone

_FOLDER = "many-1000"
_COUNT = 1000


def small_files(rig: Rig) -> list[Figure]:
    """Row 3."""
    with ExitStack() as stack:
        ours = stack.enter_context(rig.crfs(BENCH, stack.enter_context(rig.scratch())))
        bare = stack.enter_context(cheroot(SMALL_SIZE, stack.enter_context(rig.scratch())))
        files = stack.enter_context(rclone(rig.bench.root, stack.enter_context(rig.scratch())))
        fastest = stack.enter_context(nginx(rig.bench.root, stack.enter_context(rig.scratch())))
        for served in (ours, bare, files, fastest):
            _warm(served)
        against = {
            "bare cheroot": Against(_rate(bare), 0.75),
            "rclone": Against(_rate(files)),
            "nginx, 2 processes": Against(_rate(fastest)),
        }
        return [Figure(3, "GET of 1 KiB, warm, 8 connections", "1/s", _rate(ours), against)]


def workers(rig: Rig) -> list[Figure]:
    """Row 4; with two cores the load generator has none to itself, so that only "never below" can be seen."""
    rig.bench  # noqa: B018 - pushed
    cores = os.cpu_count() or 1
    with ExitStack() as stack:
        two = stack.enter_context(rig.crfs(BENCH, stack.enter_context(rig.scratch()), workers=2))
        one = stack.enter_context(rig.crfs(BENCH, stack.enter_context(rig.scratch())))
        for served in (one, two):
            _warm(served)
        against = {"one process": Against(_rate(one), 1.6 if cores > 2 else 1.0)}
        return [Figure(4, f"the same, workers: 2 ({cores} cores, load included)", "1/s", _rate(two), against)]


def _warm(served: Served) -> None:
    client = Client(served.url)
    for number in range(_COUNT):
        client.read(f"{_FOLDER}/{number:05}.txt", SMALL_SIZE)
    _rate(served, seconds=1)


def _rate(served: Served, seconds: int = 4) -> float:
    return requests_per_second(f"{served.url}/{_FOLDER}", count=_COUNT, connections=8, seconds=seconds)
