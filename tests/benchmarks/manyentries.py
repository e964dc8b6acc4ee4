"""Row 10: a table of contents of a million entries."""

from __future__ import annotations

import gzip
import random
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from crfs_dav.formats.output import footer_of
from crfs_dav.oci import TOC_DIGEST_ANNOTATION
from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.layouts import Layer, digest_of_file, write_layout
from tests.benchmarks.load import Client
from tests.benchmarks.rig import Rig

_COUNT = 1_000_000
_MOST = 2_000_000  # what `limits` lets pass; ten times as many as the row's are refused
_DIRECTORY = 1000  # files in each
_MEMBER_SIZE = 100  # bytes of the blob for each file
_WIDER = {"limits": "{toc_compressed_bytes: 268435456, toc_inflated_bytes: 2147483648}"}


@dataclass(frozen=True, slots=True)
class _Opened:
    seconds: float  # until the root was listed
    again_seconds: float  # after a restart
    listing_seconds: float  # of one directory
    memory: float  # MB above the idle process


def big_toc(rig: Rig) -> list[Figure]:
    """Opened, listed, and opened once more after a restart."""
    opened = _open(rig, _COUNT, {})
    return [
        Figure(10, "TOC of 1,000,000 entries, opened", "s", opened.seconds, {"at most": Against(5.0, 1.0)}),
        Figure(10, "  after a restart", "s", opened.again_seconds, {"at most": Against(0.5, 1.0)}),
        Figure(10, "  one directory of 1,000 listed", "s", opened.listing_seconds),
        Figure(10, "  memory above the idle process", "MB", opened.memory, {"at most": Against(400.0, 1.0)}),
    ]


def tocs_grow(rig: Rig) -> list[Figure]:
    """A tenth as many, and twice: that is where `entries` of `limits` ends, and its bounds on bytes are raised here."""
    opened = {count: _open(rig, count, _WIDER) for count in (_COUNT // 10, _COUNT, _MOST)}
    return [
        *(Figure(10, f"TOC, opened, {count:,}", "s", each.seconds) for count, each in opened.items()),
        *(Figure(10, f"  after a restart, {count:,}", "s", each.again_seconds) for count, each in opened.items()),
        *(Figure(10, f"  memory, {count:,}", "MB", each.memory) for count, each in opened.items()),
    ]


def _open(rig: Rig, count: int, settings: Mapping[str, str]) -> _Opened:
    repository = f"test/toc-{count}"
    if not (rig.folder / f"toc-{count}").exists():
        layer = _write_layer(rig.folder / f"layer-{count}", count)
        write_layout(rig.folder / f"toc-{count}", "x", [layer])
        rig.registry.push(rig.folder / f"toc-{count}", "x", repository)
    seconds: list[float] = []
    listings: list[float] = []
    memory: list[float] = []
    with rig.scratch() as folder:
        for _ in range(2):
            with rig.crfs(f"{repository}/x", folder, **settings) as served:
                idle = served.memory("VmRSS")
                client = Client(served.url)
                seconds.append(client.listing("", count // _DIRECTORY))
                listings.append(client.listing("package-00007", _DIRECTORY - 1))
                memory.append(served.memory() - idle)
    return _Opened(seconds[0], seconds[1], listings[0], max(memory))


def _write_layer(path: Path, count: int) -> Layer:
    """An eStargz layer whose files are zeros in the blob, for nobody reads them."""
    toc = path.with_name(f"toc-{count}.json")
    toc.write_bytes(b"".join((b'{\n\t"version": 1,\n\t"entries": [\n', *_entries(count), b"\n\t]\n}")))
    annotations = {TOC_DIGEST_ANNOTATION: digest_of_file(toc)}
    start = _MEMBER_SIZE * (count + 1)
    with path.open("wb") as out:
        out.truncate(start)
        out.seek(start)
        with (
            gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
        ):
            tar.add(toc, "stargz.index.json")
        out.write(footer_of(start))
    toc.unlink()
    return Layer(path, annotations)


def _entries(count: int) -> Iterator[bytes]:
    noise = random.Random(10)
    for number in range(count):
        if number:
            yield b",\n"
        directory = f"package-{number // _DIRECTORY:05}"
        if number % _DIRECTORY:
            yield _file(f"{directory}/module-{number % _DIRECTORY:04}.py", number, noise.randbytes(32).hex())
        else:
            yield _directory(f"{directory}/")


def _directory(name: str) -> bytes:
    return (
        f'\t\t{{\n\t\t\t"name": "{name}",\n\t\t\t"type": "dir",\n'
        f'\t\t\t"modtime": "2024-03-01T10:00:00Z",\n\t\t\t"mode": 16877,\n\t\t\t"NumLink": 0\n\t\t}}'
    ).encode()


def _file(name: str, number: int, digest: str) -> bytes:
    return (
        f'\t\t{{\n\t\t\t"name": "{name}",\n\t\t\t"type": "reg",\n'
        f'\t\t\t"size": {1000 + number % 5000},\n\t\t\t"modtime": "2024-03-01T10:{number % 60:02}:00Z",\n'
        f'\t\t\t"mode": 33188,\n\t\t\t"offset": {_MEMBER_SIZE * number},\n\t\t\t"NumLink": 0,\n'
        f'\t\t\t"digest": "sha256:{digest}",\n\t\t\t"chunkDigest": "sha256:{digest}"\n\t\t}}'
    ).encode()
