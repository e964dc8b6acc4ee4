"""What people do today with a cold image: copy all of it, unpack it, serve that."""

from __future__ import annotations

import time
from pathlib import Path

from tests.benchmarks.load import Client
from tests.benchmarks.servers import rclone
from tests.support.link import Link
from tests.support.machine import run


def pull(wire: Link, repository: str, tag: str, folder: Path) -> float:
    """Seconds for skopeo's copy of an image over a link and umoci's unpacking to `folder/root`."""
    started = time.perf_counter()
    source = f"docker://{wire.host}/{repository}:{tag}"
    run(["skopeo", "copy", "--quiet", "--src-tls-verify=false", source, f"oci:{folder}/oci:{tag}"])
    run(["umoci", "raw", "unpack", "--image", f"{folder}/oci:{tag}", folder / "root"])
    return time.perf_counter() - started


def pull_and_read(wire: Link, image: tuple[str, str], folder: Path, path: str) -> float:
    """Seconds until rclone gives the first byte of one file of an image, repository and tag, pulled before."""
    seconds = pull(wire, *image, folder)
    started = time.perf_counter()
    with rclone(folder / "root", folder) as served:
        Client(served.url).first_byte(path)
        return seconds + time.perf_counter() - started
