"""What is measured against each other: three servers of one tree, each started anew for each round."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.crfs_server import crfs_server
from tests.support.machine import background, free_port, wait_for_port
from tests.support.real_image import RealImage
from tests.support.real_registry import RealRegistry


@contextmanager
def crfs_dav(image: RealImage, registry: RealRegistry, folder: Path) -> Iterator[str]:
    """crfs-dav with empty caches in front of the registry."""
    with crfs_server(registry.host, folder) as url:
        yield f"{url}/images/{registry.host}/{image.repository}/esgz"


@contextmanager
def wsgidav(image: RealImage, registry: RealRegistry, folder: Path) -> Iterator[str]:
    """WsgiDAV's own FilesystemProvider under cheroot, on the unpacked files."""
    program = Path(__file__).with_name("wsgidav_files.py")
    with _serving([sys.executable, str(program), str(image.root)], folder) as url:
        yield url


@contextmanager
def rclone(image: RealImage, registry: RealRegistry, folder: Path) -> Iterator[str]:
    """`rclone serve webdav` on the unpacked files."""
    command = ["rclone", "--config", "", "serve", "webdav", "--read-only", "--copy-links", str(image.root), "--addr"]
    with _serving(command, folder) as url:
        yield url


SERVERS = {"crfs-dav": crfs_dav, "WsgiDAV files": wsgidav, "rclone serve": rclone}


@contextmanager
def _serving(command: list[str], folder: Path) -> Iterator[str]:
    port = free_port()
    address, log = f"127.0.0.1:{port}", folder / "server.log"
    with background([*command, address], log) as process:
        wait_for_port(port, process, log)
        yield f"http://{address}"
