"""Rows 1 and 2: directories whose table of contents is known."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.load import Client
from tests.benchmarks.rig import BENCH, Rig
from tests.benchmarks.servers import Served, nginx, rclone, wsgidav

_PEERS = {"rclone": rclone, "WsgiDAV's files": wsgidav, "nginx dav_ext": nginx}
_COUNT = 1000
_TIMES = 10


def listings(rig: Rig) -> list[Figure]:
    """Rows 1 and 2, everybody's first listing of the directory before all others."""
    with ExitStack() as stack:
        peers = {
            name: stack.enter_context(serve(rig.bench.root, stack.enter_context(rig.scratch())))
            for name, serve in _PEERS.items()
        }
        ours = stack.enter_context(rig.crfs(BENCH, stack.enter_context(rig.scratch())))
        for served in (ours, *peers.values()):
            Client(served.url).listing("", 4)
        first = {name: 1000 * _once(served) for name, served in peers.items()}
        first_ours = 1000 * _once(ours)
        again = {name: 1000 * _again(served) for name, served in peers.items()}
        again_ours = 1000 * _again(ours)
    wanted = {"rclone": 4.0, "WsgiDAV's files": 20.0}
    return [
        Figure(1, "PROPFIND of 1,000, warm", "ms", again_ours, _against(again, wanted)),
        Figure(2, "PROPFIND of 1,000, the first time", "ms", first_ours, _against(first, {"rclone": 2.0})),
    ]


def listings_grow(rig: Rig) -> list[Figure]:
    """Row 1 for directories of a tenth and of ten times as many entries."""
    rig.bench  # noqa: B018 - pushed
    with rig.scratch() as folder, rig.crfs(BENCH, folder) as served:
        return [
            Figure(1, f"PROPFIND, warm, {count:,}", "ms", 1000 * _again(served, count))
            for count in (_COUNT // 10, _COUNT, _COUNT * 10)
        ]


def _once(served: Served) -> float:
    return Client(served.url).listing(f"many-{_COUNT}", _COUNT)


def _again(served: Served, count: int = _COUNT) -> float:
    client = Client(served.url)
    client.listing(f"many-{count}", count)
    return median(client.listing(f"many-{count}", count) for _ in range(_TIMES))


def _against(values: dict[str, float], wanted: dict[str, float]) -> dict[str, Against]:
    return {name: Against(value, wanted.get(name, 0.0)) for name, value in values.items()}
