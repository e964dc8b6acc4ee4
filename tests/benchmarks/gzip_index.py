"""`python -m tests.benchmarks.gzip_index [BLOB]`: what the index of a gzip layer costs, beside `gzip -dc | tar t`.

Prints one table and asserts nothing. The blob, 355 MB of /usr unless one is named, comes from a registry inside this
process: over no network, and over one of 1 Gbit/s.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Digest, digest_of
from tests.support.link import Speed, link
from tests.support.site import site
from tests.support.usr_layer import usr_layer

_READS = 50
_ROUNDS = 3
_READ_SIZE = 4096
_PATIENCE_SECONDS = 600.0
_GIGABIT = Speed(round_trip_seconds=0.01, bits_per_second=1e9)


@dataclass(frozen=True, slots=True)
class Measured:
    """One round: seconds, and bytes."""

    blob_size: int
    unpacking_seconds: float  # `gzip -dc | tar t`
    listing_seconds: float  # the first listing: the blob streamed, digests, index
    gigabit_listing_seconds: float  # the same over 1 Gbit/s
    again_seconds: float  # the first listing after a restart
    index_size: int
    fetched_size: float  # of the blob, for 4 KiB of a file; median


def main(arguments: Sequence[str] | None = None) -> int:
    """0, the table printed."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gzip_index", description=__doc__.partition(": ")[2])
    parser.add_argument("blob", metavar="BLOB", nargs="?", type=Path, help="tar, gzipped (default: one made of /usr)")
    path = parser.parse_args(arguments).blob or usr_layer()
    rounds = [measure(path) for _ in range(_ROUNDS)]
    size = rounds[0].blob_size
    unpacking = median(each.unpacking_seconds for each in rounds)
    listing = median(each.listing_seconds for each in rounds)
    gigabit = median(each.gigabit_listing_seconds for each in rounds)
    again = median(each.again_seconds for each in rounds)
    rows = [
        ("blob", f"{size / 1e6:.1f} MB"),
        ("gzip -dc | tar t", f"{size / 1e6 / unpacking:.1f} MB/s"),
        ("first listing: stream, digests, index", f"{size / 1e6 / listing:.1f} MB/s, {listing:.2f} s"),
        ("ratio", f"{unpacking / listing:.2f}"),
        ("first listing over 1 Gbit/s", f"{gigabit:.2f} s"),
        ("first listing after a restart", f"{again * 1000:.0f} ms"),
        ("index", f"{rounds[0].index_size / 1e6:.2f} MB, {100 * rounds[0].index_size / size:.2f} % of the blob"),
        (f"fetched for {_READ_SIZE} bytes, median of {_READS} files", f"{rounds[0].fetched_size / 1e3:.0f} kB"),
    ]
    print("\n".join(f"{name:<55} {value}" for name, value in rows))
    return 0


def measure(path: Path) -> Measured:
    """One round with the gzip layer at `path`."""
    blob = path.read_bytes()
    with DemoRegistry() as registry:
        registry.add_image("a/b", "1", [(blob, {})], config={"rootfs": {}})
        with link(registry.host, _GIGABIT) as near:
            gigabit = _first_listing(registry, near.host)
        again, index_size, fetched = _second_look(registry, digest_of(blob))
        return Measured(
            blob_size=len(blob),
            unpacking_seconds=_seconds(lambda: _unpack(path)),
            listing_seconds=_first_listing(registry, registry.host),
            gigabit_listing_seconds=gigabit,
            again_seconds=again,
            index_size=index_size,
            fetched_size=median(fetched),
        )


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _unpack(path: Path) -> None:
    with subprocess.Popen(["gzip", "-dc", path], stdout=subprocess.PIPE) as unpacker:
        subprocess.run(["tar", "t"], stdin=unpacker.stdout, stdout=subprocess.DEVNULL, check=True)


def _first_listing(registry: DemoRegistry, host: str) -> float:
    """Seconds of the first listing, where `host` is the registry."""
    named = {host: {"scheme": "http"}}
    with (
        tempfile.TemporaryDirectory() as folder,
        site(registry, Path(folder), patience_seconds=_PATIENCE_SECONDS, registries=named) as crfs,
    ):
        return _seconds(lambda: crfs.names(f"/layers/{host}/a/b/1/0/"))


def _second_look(registry: DemoRegistry, digest: Digest) -> tuple[float, int, list[int]]:
    """Seconds of the first listing with an index, its bytes, and bytes fetched of the blob for each small read."""
    layer = f"/layers/{registry.host}/a/b/1/0"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with site(registry, folder, patience_seconds=_PATIENCE_SECONDS) as crfs:
            crfs.names(f"{layer}/")
        size = sum(file.stat().st_size for file in (folder / "indexes").rglob("*") if file.is_file())
        no_ranges = {"directory": name, "disk_bytes": 0, "range_bytes": 0, "chunk_bytes": 0}
        with site(registry, no_ranges) as crfs:
            seconds = _seconds(lambda: crfs.names(f"{layer}/"))
            files = [path for path in _files(crfs.names, layer) if crfs.get(path, range="bytes=0-0").status == 206]
            fetched = []
            for path in random.Random(1).sample(files, min(_READS, len(files))):
                registry.clear_requests()
                crfs.get(path, range=f"bytes=0-{_READ_SIZE - 1}")
                ranges = [request.range for request in registry.requests if str(digest) in request.path]
                fetched.append(sum((end or 0) - start for start, end in filter(None, ranges)))
    return seconds, size, fetched


def _files(names: Callable[[str], list[str]], directory: str) -> list[str]:
    """Some hundred files below a directory."""
    found: list[str] = []
    directories = [f"{directory}/"]
    while directories and len(found) < 300:
        here = directories.pop()
        for name in names(here):
            (directories if name.endswith("/") else found).append(f"{here}{name}")
    return found


if __name__ == "__main__":
    sys.exit(main())
