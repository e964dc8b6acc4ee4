"""Row 10: a table of contents of a million entries."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from crfs_dav.formats.gzipwrite import gzip_member
from crfs_dav.formats.writer import footer_of
from crfs_dav.oci import TOC_DIGEST_ANNOTATION
from tests.benchmarks.data import write_layout
from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.load import Client
from tests.benchmarks.rig import Rig
from tests.support.archives import Member, tar_of

_DIRECTORY = 1000  # files in each


def big_toc(rig: Rig) -> list[Figure]:
    """Opened, and opened once more after a restart; a tenth of it for how cost grows."""
    return [figure for count in (100_000, 1_000_000) for figure in _opened(rig, count)]


def _opened(rig: Rig, count: int) -> list[Figure]:
    repository = f"test/toc-{count}"
    if not (rig.folder / f"toc-{count}").exists():
        layer = _write_layer(rig.folder / f"layer-{count}", count)
        write_layout(rig.folder / f"toc-{count}", "x", [layer])
        rig.registry.push(rig.folder / f"toc-{count}", "x", repository)
    seconds: list[float] = []
    memory = 0.0
    with rig.scratch() as folder:
        for _ in range(2):
            with rig.crfs(f"{repository}/x", folder) as served:
                idle = served.memory("VmRSS")
                client = Client(served.url)
                seconds.append(client.listing("", count // _DIRECTORY))
                memory = max(memory, served.memory() - idle)
    limits = (5.0, 0.5, 400.0) if count == 1_000_000 else (0.0, 0.0, 0.0)
    works = (("opened", "s", seconds[0]), ("opened after a restart", "s", seconds[1]), ("memory for it", "MB", memory))
    return [
        Figure(10, f"TOC of {count:,}: {work}", unit, value, True, {"allowed": Against(limit, 1.0)} if limit else {})
        for (work, unit, value), limit in zip(works, limits, strict=True)
    ]


def _write_layer(path: Path, count: int) -> tuple[Path, Mapping[str, str]]:
    toc = b'{\n\t"version": 1,\n\t"entries": [\n' + b",\n".join(_entries(count)) + b"\n\t]\n}"
    out = io.BytesIO()
    first = gzip_member(b"content")
    out.write(first)
    offset = 2000 * count + len(first)
    with path.open("wb") as file:
        file.write(first)
        file.truncate(offset)
        file.seek(offset)
        file.write(gzip_member(tar_of(Member("stargz.index.json", data=toc))))
        file.write(footer_of(offset))
    return path, {TOC_DIGEST_ANNOTATION: f"sha256:{sha256(toc).hexdigest()}"}


def _entries(count: int) -> Iterator[bytes]:
    noise = random.Random(10)
    for number in range(count):
        directory = f"package-{number // _DIRECTORY:05}"
        if number % _DIRECTORY == 0:
            yield (
                f'\t\t{{\n\t\t\t"name": "{directory}/",\n\t\t\t"type": "dir",\n'
                f'\t\t\t"modtime": "2024-03-01T10:00:00Z",\n\t\t\t"mode": 16877,\n\t\t\t"NumLink": 0\n\t\t}}'
            ).encode()
            continue
        digest = f"sha256:{noise.randbytes(32).hex()}"
        yield (
            f'\t\t{{\n\t\t\t"name": "{directory}/module-{number % _DIRECTORY:04}.py",\n\t\t\t"type": "reg",\n'
            f'\t\t\t"size": {1000 + number % 5000},\n\t\t\t"modtime": "2024-03-01T10:{number % 60:02}:00Z",\n'
            f'\t\t\t"mode": 33188,\n\t\t\t"offset": {20 + number * 2000},\n\t\t\t"NumLink": 0,\n'
            f'\t\t\t"digest": "{digest}",\n\t\t\t"chunkDigest": "{digest}"\n\t\t}}'
        ).encode()
