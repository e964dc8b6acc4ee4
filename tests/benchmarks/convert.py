"""`python -m tests.benchmarks.convert`: `crfs-dav convert` against `ctr-remote image convert`, same image, same run.

Both read and write local files; fetching and pushing are not counted. Sizes are compared with `gzip -6` of the same
tars. Prints one table and asserts nothing. As root; `bash .ci/install` brings what it needs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.support.containerd import Converter, converter
from tests.support.machine import missing_tools, run
from tests.support.real_image import RealImage, debian_image
from tests.support.real_registry import RealRegistry, real_registry

_ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 measured, 1 the machine lacks a tool."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.convert", description=__doc__.partition(": ")[2])
    parser.parse_args(arguments)
    if missing := missing_tools():
        print(*missing, sep="\n", file=sys.stderr)
        return 1
    with TemporaryDirectory(prefix="crfs-bench-") as folder, real_registry(Path(folder)) as registry:
        image = debian_image(registry)
        with converter(Path(folder) / "containerd") as containerd:
            print(table(image, containerd, registry, Path(folder)))
    return 0


def table(image: RealImage, containerd: Converter, registry: RealRegistry, folder: Path) -> str:
    """Medians of seconds, and bytes of all layers, for people."""
    plain = f"{registry.host}/{image.repository}:plain"
    containerd.fetch(plain)
    theirs, ours = [], []
    for number in range(_ROUNDS):  # by turns: a noisy minute hits both
        theirs.append(_timed(lambda n=number: containerd.convert_fetched(plain, f"theirs-{n}")))  # type: ignore[misc]
        ours.append(_timed(lambda n=number: _convert(image, folder / f"ours-{n}")))  # type: ignore[misc]
    containerd.push(f"{registry.host}/{image.repository}:theirs-0")
    registry.pull(image.repository, "theirs-0", folder / "theirs")
    their_size, our_size = layers_size(folder / "theirs"), layers_size(folder / "ours-0")
    gzip_size = sum(map(_gzip_6_size, image.plain_layers()))
    lines = [f"{'':32}{'seconds':>10}{'bytes':>14}{'of gzip -6':>12}"]
    for name, seconds, size in (
        ("ctr-remote image convert", median(theirs), their_size),
        ("crfs-dav convert", median(ours), our_size),
    ):
        lines.append(f"{name:32}{seconds:10.2f}{size:14}{size / gzip_size:12.4f}")
    lines.append(f"{'gzip -6 of the same tars':32}{'':10}{gzip_size:14}{1:12.4f}")
    lines.append(f"crfs-dav is {median(theirs) / median(ours):.1f} times as fast, {our_size / their_size:.4f} as large")
    return "\n".join(lines)


def layers_size(layout: Path) -> int:
    """Bytes of all layers of the one image in an OCI layout."""
    index = json.loads((layout / "index.json").read_text())
    manifest = layout / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    return sum(int(layer["size"]) for layer in json.loads(manifest.read_text())["layers"])


def _convert(image: RealImage, layout: Path) -> None:
    run(
        [sys.executable, "-m", "crfs_dav", "convert", "--quiet", f"oci:{image.layout}:plain", f"oci:{layout}:x"],
        timeout_seconds=600,
    )


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _gzip_6_size(layer: Path) -> int:
    with subprocess.Popen(["gzip", "-6"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as packer:
        return len(packer.communicate(gzip.decompress(layer.read_bytes()))[0])


if __name__ == "__main__":
    sys.exit(main())
