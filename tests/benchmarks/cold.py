"""Rows 6 to 9: nothing is known yet, and the registry is far away."""

from __future__ import annotations

import random
import time
from pathlib import Path

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.chunks import ChunkedFile
from crfs_dav.formats.detect import open_archive
from crfs_dav.names import digest_of
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader
from tests.benchmarks.data import BIG, BIG_SIZE
from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.load import Client
from tests.benchmarks.rig import Rig
from tests.support.link import Link, Speed, link
from tests.support.machine import run

_MIB = 1 << 20
_DEBIAN = "test/debian/esgz"


def stream(rig: Rig) -> list[Figure]:
    """Row 6, and 11 for it."""
    rig.bench  # noqa: B018 - pushed now, not within the measured time
    size = rig.bench.blobs[0].stat().st_size
    with rig.cold("test/bench/x", Speed(0.010, 1e9)) as (served, wire):
        client = Client(served.url)
        client.listing("", 4)
        wire.reset()
        seconds = client.read(BIG, BIG_SIZE)
        requests, memory = wire.requests, served.memory()
    with rig.scratch() as folder, link(rig.registry.host, Speed(0.010, 1e9)) as wire:
        started = time.perf_counter()
        digest = digest_of(rig.bench.blobs[0].read_bytes())
        run(["curl", "-sS", "-o", folder / "blob", f"http://{wire.host}/v2/test/bench/blobs/{digest}"])
        curl = time.perf_counter() - started
    against = {"curl of the blob": Against(curl, 0.9), "the link": Against(size * 8 / 1e9, 0.0)}
    return [
        Figure(6, "GET of 200 MB, cold, 1 Gbit/s, 10 ms", "s", seconds, True, against),
        Figure(6, "  requests, of a MiB of the blob each", "", requests, True, {"MiB": Against(size / _MIB, 1.0)}),
        Figure(11, "memory at most, row 6", "MB", memory, True, {"allowed": Against(300, 1.0)}),
    ]


def first_byte(rig: Rig) -> list[Figure]:
    """Row 7."""
    rig.bench  # noqa: B018
    with rig.cold("test/bench/x", Speed(0.050, 1e8)) as (served, _):
        seconds = Client(served.url).first_byte("many-100/00007.txt")
    with rig.cold(_DEBIAN, Speed(0.050, 1e8)) as (served, _):
        debian = Client(served.url).first_byte("etc/hostname")
    with rig.scratch() as folder, link(rig.registry.host, Speed(0.050, 1e8)) as wire:
        pull = _pull(wire, "test/debian:plain", folder)
    return [
        Figure(7, "first byte, cold, 2 layers, 50 ms", "s", seconds, True, {"5 round trips": Against(0.250, 1.0)}),
        Figure(7, "first byte of Debian, 100 Mbit/s, 50 ms", "s", debian, True, {"skopeo, umoci": Against(pull, 20.0)}),
    ]


def copy(rig: Rig) -> list[Figure]:
    """Row 8, and 11 for it."""
    size = sum(path.stat().st_size for path in _esgz_layers(rig))
    speed = Speed(0.030, 1e9)
    with rig.scratch() as folder, link(rig.registry.host, speed) as wire:
        pull = _pull(wire, "test/debian:plain", folder)
    with rig.cold(_DEBIAN, speed) as (served, wire), rig.scratch() as folder:
        started = time.perf_counter()
        run(
            ["rclone", "--config", "", "copy", "--webdav-url", served.url, ":webdav:", folder / "copy"],
            timeout_seconds=600,
        )
        seconds = time.perf_counter() - started
        requests, received, memory = wire.requests, wire.bytes_down, served.memory()
    return [
        Figure(
            8, "rclone copy of Debian, 1 Gbit/s, 30 ms", "s", seconds, True, {"skopeo, umoci": Against(pull, 1 / 1.5)}
        ),
        Figure(8, "  requests, of a MiB of the blobs each", "", requests, True, {"MiB": Against(size / _MIB, 1.0)}),
        Figure(8, "  bytes", "MB", received / 1e6, True, {"blobs": Against(size / 1e6, 0.0)}),
        Figure(11, "memory at most, row 8", "MB", memory, True, {"allowed": Against(300, 1.0)}),
    ]


def scattered(rig: Rig) -> list[Figure]:
    """Row 9."""
    needed = 0
    choices: list[tuple[str, int]] = []
    for path in _esgz_layers(rig):
        data = path.read_bytes()
        blob = BytesReader(data)
        archive = open_archive(blob, Descriptor("", digest_of(data), len(data)), Means(MemoryStore(0)))
        assert archive is not None
        needed += len(data) - int(data[-51:][16:32], 16)
        for position, entry in enumerate(archive.entries):
            real = rig.debian.root / entry.name
            if 0 < entry.size <= 64 << 10 and real.is_file() and real.stat().st_size == entry.size:
                content = archive.open(position)
                if isinstance(content, ChunkedFile) and ".wh." not in entry.name:
                    choices.append((entry.name.removeprefix("./"), content.compressed_size))
    chosen = random.Random(9).sample(sorted(set(choices)), 100)
    needed += sum(size for _, size in chosen)
    with rig.cold(_DEBIAN, Speed(0.010, 1e9)) as (served, wire):
        client = Client(served.url)
        for name, _ in chosen:
            client.read(name, -1)
        received, requests = wire.bytes_down, wire.requests
    return [
        Figure(
            9, "bytes for 100 scattered files, cold", "MB", received / 1e6, True, {"needed": Against(needed / 1e6, 0.5)}
        ),
        Figure(9, "  requests", "", requests, True),
    ]


def _pull(wire: Link, image: str, folder: Path) -> float:
    """Seconds for what people do today: copy the image, and unpack it."""
    tag = image.partition(":")[2]
    started = time.perf_counter()
    run(
        [
            "skopeo",
            "copy",
            "--quiet",
            "--src-tls-verify=false",
            f"docker://{wire.host}/{image}",
            f"oci:{folder}/oci:{tag}",
        ]
    )
    run(["umoci", "raw", "unpack", "--image", f"{folder}/oci:{tag}", folder / "root"])
    return time.perf_counter() - started


def _esgz_layers(rig: Rig) -> list[Path]:
    return rig.debian.layers_of("esgz")
