"""Row 12: how soon the program is there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.rig import Rig
from tests.support.machine import background, free_port


def start(rig: Rig) -> list[Figure]:
    """From the command to its address on standard output, and for its help."""
    program = (sys.executable, "-m", "crfs_dav")
    with rig.scratch() as folder:
        log = folder / "log"
        started = time.perf_counter()
        command = [*program, "serve", "--port", str(free_port()), "--cache-dir", str(folder)]
        with background(command, log):
            while b"Ctrl-C" not in log.read_bytes():
                time.sleep(0.002)
            listening = time.perf_counter() - started
    return [
        Figure(12, "start to listening", "s", listening, True, {"allowed": Against(0.5, 1.0)}),
        Figure(12, "crfs-dav --help", "s", _seconds([*program, "--help"]), True, {"allowed": Against(0.3, 1.0)}),
    ]


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started
