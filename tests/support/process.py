"""`crfs-dav serve` as people run it: a process, its URL, its log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.nobody import NOBODY

_START_SECONDS = 60  # a busy machine takes its time


@dataclass(frozen=True)
class ServeProcess:
    """A running server; `log` is the file that its standard error goes to."""

    process: subprocess.Popen[str]
    url: str
    welcome: str
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `url`."""
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and the seconds it took to come."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(10)
        return code, time.monotonic() - started


def run_cli(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "crfs_dav", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **NOBODY, **(env or {})},
    )


@contextmanager
def serving(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[ServeProcess]:
    """A server on a free port, stopped in the end."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-u", "-m", "crfs_dav", "serve", "--port", "0", *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **NOBODY, **(env or {})},
            )
        try:
            welcome = _read_welcome(process, log)
            url = re.search(r"http://\S+/", welcome)
            assert url is not None, welcome
            yield ServeProcess(process, url[0], welcome, log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()


def _read_welcome(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"server ended at its start: {log.read_text()}")
        lines.append(line)
        if line.startswith("Ctrl-C"):
            return "".join(lines)
    raise AssertionError(f"server not ready after {_START_SECONDS} s: {''.join(lines)}{log.read_text()}")
