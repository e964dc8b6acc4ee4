"""`crfs-dav serve` as its users start it: a process of its own, set by flags."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.machine import background, free_port, wait_for_port
from tests.support.nobody import NOBODY


@contextmanager
def crfs_server(registry_host: str, folder: Path, *options: str) -> Iterator[str]:
    """Address (`http://127.0.0.1:PORT`) of a server in front of one registry; its cache and its log are in `folder`."""
    port = free_port()
    log = folder / "crfs-dav.log"
    command = [sys.executable, "-m", "crfs_dav", "serve", "--port", str(port), "--registry", registry_host]
    with background([*command, "--cache-dir", folder / "cache", *options], log, NOBODY) as process:
        wait_for_port(port, process, log)
        yield f"http://127.0.0.1:{port}"
