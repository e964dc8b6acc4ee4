"""How much memory this process has used at most."""

from __future__ import annotations

from pathlib import Path


def peak_bytes() -> int:
    """Bytes of the largest resident set so far (VmHWM of proc(5))."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) << 10
