"""What takes long to make, kept in `CRFS_DAV_TEST_CACHE` (default `~/.cache/crfs-dav-tests`), made where absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from crfs_dav.lockfile import awaited_lock

_PATIENCE_SECONDS = 900.0


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The file or folder called `name`, which `make` has made at the path that it is given; once, by one process."""
    path = _folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with awaited_lock(path.with_name(f"{name}.lock"), _PATIENCE_SECONDS):
        if not path.exists():
            making = path.with_name(f"{name}.{os.getpid()}")
            shutil.rmtree(making, ignore_errors=True)
            make(making)
            making.rename(path)  # at once or not at all: a run that is cut off leaves no half of it
    return path


def _folder() -> Path:
    """Where things are kept from one run to the next."""
    home = os.environ.get("CRFS_DAV_TEST_CACHE")
    return Path(home) if home else Path.home() / ".cache" / "crfs-dav-tests"
