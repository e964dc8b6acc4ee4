"""`python -m tests.benchmarks.gzip_index BLOB`: what the index of a gzip layer costs, beside `gzip -dc | tar t`.

Prints one table and asserts nothing. The blob comes from a registry inside this process, so that no network counts.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Digest, digest_of
from tests.support.site import site

_READS = 50
_ROUNDS = 3
_READ_SIZE = 4096


def main(arguments: Sequence[str] | None = None) -> int:
    """0, the table printed."""
    (path,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    blob = path.read_bytes()
    unpacked = median(_seconds(lambda: _unpack(path)) for _ in range(_ROUNDS))
    with DemoRegistry() as registry:
        registry.add_image("a/b", "1", [(blob, {})], config={"rootfs": {}})
        listings = median(_first_listing(registry) for _ in range(_ROUNDS))
        again, index_size, fetched = _second_look(registry, digest_of(blob))
    rows = [
        ("blob", f"{len(blob) / 1e6:.1f} MB"),
        ("gzip -dc | tar t", f"{len(blob) / 1e6 / unpacked:.1f} MB/s"),
        ("first listing: stream, digests, index", f"{len(blob) / 1e6 / listings:.1f} MB/s, {listings:.2f} s"),
        ("ratio", f"{unpacked / listings:.2f}"),
        ("first listing after a restart", f"{again * 1000:.0f} ms"),
        ("index", f"{index_size / 1e6:.2f} MB, {100 * index_size / len(blob):.2f} % of the blob"),
        (f"fetched for {_READ_SIZE} bytes, median of {_READS} files", f"{median(fetched) / 1e3:.0f} kB"),
    ]
    print("\n".join(f"{name:<55} {value}" for name, value in rows))
    return 0


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _unpack(path: Path) -> None:
    with subprocess.Popen(["gzip", "-dc", path], stdout=subprocess.PIPE) as unpacker:
        subprocess.run(["tar", "t"], stdin=unpacker.stdout, stdout=subprocess.DEVNULL, check=True)


def _first_listing(registry: DemoRegistry) -> float:
    with tempfile.TemporaryDirectory() as folder, site(registry, Path(folder)) as crfs:
        return _seconds(lambda: crfs.names(f"/layers/{registry.host}/a/b/1/0/"))


def _second_look(registry: DemoRegistry, digest: Digest) -> tuple[float, int, list[int]]:
    """Seconds of the first listing with an index, its bytes, and bytes fetched of the blob for each small read."""
    layer = f"/layers/{registry.host}/a/b/1/0"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with site(registry, folder) as crfs:
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
