"""Row 12: how soon the program is there."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.rig import Rig
from tests.support.machine import background, free_port, run

_PROGRAM = (sys.executable, "-m", "crfs_dav")
_TIMES = 5


def start(rig: Rig) -> list[Figure]:
    """From the command to its address on standard output, and for its help."""
    with rig.scratch() as folder:
        listening = median(_until_listening(folder) for _ in range(_TIMES))
    told = median(_until_told() for _ in range(_TIMES))
    return [
        Figure(12, "start to listening", "s", listening, {"at most": Against(0.5, 1.0)}),
        Figure(12, "crfs-dav --help", "s", told, {"at most": Against(0.3, 1.0)}),
    ]


def _until_listening(folder: Path) -> float:
    port = free_port()
    log = folder / f"{port}.log"
    started = time.perf_counter()
    with background([*_PROGRAM, "serve", "--port", str(port), "--cache-dir", folder], log):
        while b"Ctrl-C" not in log.read_bytes():
            time.sleep(0.002)
        return time.perf_counter() - started


def _until_told() -> float:
    started = time.perf_counter()
    run([*_PROGRAM, "--help"])
    return time.perf_counter() - started
