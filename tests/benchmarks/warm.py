"""Rows 1, 2, 3 and 5: what was read before, or whose table of contents is known."""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import median

from zlib_ng import zlib_ng

from tests.benchmarks.data import BIG, BIG_SIZE, SMALL_SIZE
from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.load import Client, requests_per_second
from tests.benchmarks.rig import Rig
from tests.benchmarks.servers import Served, cheroot, nginx, rclone, wsgidav

_CONNECTIONS = 8
_SECONDS = 4.0
_BENCH = "test/bench/x"
_SMALL = [f"many-1000/{number:05}.txt" for number in range(1000)]


def listings(rig: Rig) -> list[Figure]:
    """Rows 1 and 2."""
    with ExitStack() as stack:
        ours = stack.enter_context(rig.crfs(_BENCH, stack.enter_context(rig.scratch())))
        peers = {
            name: stack.enter_context(serve(rig.bench.root, stack.enter_context(rig.scratch())))
            for name, serve in (("rclone", rclone), ("WsgiDAV files", wsgidav), ("nginx", nginx))
        }
        Client(ours.url).listing("", 4)
        first = _listing(ours, 1)
        again = _listing(ours, 20)
        theirs_first = {name: _listing(peer, 1) for name, peer in peers.items()}
        theirs = {name: _listing(peer, 10) for name, peer in peers.items()}
        wanted = {"rclone": 4.0, "WsgiDAV files": 20.0, "nginx": 0.0}
        growth = [
            Figure(1, f"PROPFIND of {count:,}, again", "ms", 1000 * _listing(ours, 10, count), True)
            for count in (100, 10_000)
        ]
    against = {name: Against(1000 * value, wanted[name]) for name, value in theirs.items()}
    against_first = {
        name: Against(1000 * value, 2.0 if name == "rclone" else 0.0) for name, value in theirs_first.items()
    }
    return [
        Figure(1, "PROPFIND of 1,000, again", "ms", 1000 * again, True, against),
        *growth,
        Figure(2, "PROPFIND of 1,000, first", "ms", 1000 * first, True, against_first),
    ]


def small_files(rig: Rig) -> list[Figure]:
    """Row 3."""
    with ExitStack() as stack:
        ours = stack.enter_context(rig.crfs(_BENCH, stack.enter_context(rig.scratch())))
        bare = stack.enter_context(cheroot(SMALL_SIZE, stack.enter_context(rig.scratch())))
        files = stack.enter_context(rclone(rig.bench.root, stack.enter_context(rig.scratch())))
        _rate(ours)
        rates = [(_rate(ours), _rate(bare), _rate(files)) for _ in range(3)]
    mine, limit, theirs = (median(column) for column in zip(*rates, strict=True))
    against = {"bare cheroot": Against(limit, 0.75), "rclone": Against(theirs, 0.0)}
    return [Figure(3, "GET of 1 KiB, 8 connections", "/s", mine, False, against)]


def big_file(rig: Rig) -> list[Figure]:
    """Row 5, and 11 for it."""
    limit = _inflate_rate(rig)
    with ExitStack() as stack:
        folder = stack.enter_context(rig.scratch())
        files = stack.enter_context(rclone(rig.bench.root, stack.enter_context(rig.scratch())))
        with rig.crfs(_BENCH, folder) as warming:
            Client(warming.url).read(BIG, BIG_SIZE)
        ours = stack.enter_context(rig.crfs(_BENCH, folder))
        for served in (ours, files):
            _stream(served)
        rates = [(_stream(ours), _stream(files)) for _ in range(3)]
        memory = ours.memory()
    mine, theirs = (median(column) for column in zip(*rates, strict=True))
    smaller = min(theirs, limit)
    against = {"rclone": Against(theirs, 0.8 if smaller == theirs else 0.0)}
    against["inflate (zlib-ng)"] = Against(limit, 0.8 if smaller == limit else 0.0)
    return [
        Figure(5, "GET of 200 MB, from the disk cache", "MB/s", mine, False, against),
        Figure(11, "memory at most, row 5", "MB", memory, True, {"allowed": Against(300, 1.0)}),
    ]


def _listing(served: Served, times: int, count: int = 1000) -> float:
    client = Client(served.url)
    client.listing(f"many-{count}", count) if times > 1 else None
    return median(client.listing(f"many-{count}", count) for _ in range(times))


def _rate(served: Served) -> float:
    return requests_per_second(served.url, _SMALL, connections=_CONNECTIONS, seconds=_SECONDS)


def _stream(served: Served) -> float:
    return BIG_SIZE / Client(served.url).read(BIG, BIG_SIZE) / 1e6


def _inflate_rate(rig: Rig) -> float:
    """MB/s at which one thread inflates the big file's members, and does nothing else with what comes out."""
    data = memoryview(rig.bench.blobs[0].read_bytes())
    started, size, at = time.perf_counter(), 0, 0
    while size < BIG_SIZE:
        decoder = zlib_ng.decompressobj(31)
        piece = data[at : at + (64 << 10)]
        while not decoder.eof:
            size += len(decoder.decompress(piece, 64 << 10))
            at += len(piece) - len(decoder.unused_data if decoder.eof else decoder.unconsumed_tail)
            piece = data[at : at + (64 << 10)]
    return size / (time.perf_counter() - started) / 1e6
