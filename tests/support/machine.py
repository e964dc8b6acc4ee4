"""What the interop tests take from the machine: tools, ports, commands, servers. A missing tool fails, never skips.

Everything started here is ended by its own process id.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# Each tool and the Debian package that brings it; `.ci/packages` installs the same ones.
TOOLS = {
    "cadaver": "cadaver",
    "caddy": "caddy",
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "containerd": "containerd",
    "ctr-remote": "stargz-snapshotter",
    "curl": "curl",
    "dbus-daemon": "dbus-daemon",
    "debootstrap": "debootstrap",
    "docker-registry": "docker-registry",
    "gio": "libglib2.0-bin",
    "/usr/libexec/gvfsd-dav": "gvfs-backends",
    "findmnt": "util-linux",
    "mount": "mount",
    "mount.davfs": "davfs2",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "podman": "podman",
    "rclone": "rclone",
    "skopeo": "skopeo",
    "systemd-analyze": "systemd",
    "tar": "tar",
    "umoci": "umoci",
    "umount": "mount",
    "wrk": "wrk",
}
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not on every user's PATH, even root's
_START_SECONDS = 60


class RigError(AssertionError):
    """A foreign tool did not do its part; the text holds the end of what it said."""


def missing_tools() -> list[str]:
    """One line for each thing that interop tests need and this machine lacks."""
    lines = [
        f"{tool}: not found; expected from Debian package {package}"
        for tool, package in TOOLS.items()
        if shutil.which(tool, path=_search_path()) is None
    ]
    if os.geteuid() != 0:
        lines.append(f"user id: {os.geteuid()}; expected 0 (debootstrap, umoci and mount need root)")
    if not Path("/dev/fuse").exists():
        lines.append("/dev/fuse: not found; expected a kernel with FUSE")
    return lines


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    timeout_seconds: float = 300,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Standard output of `command`, non-UTF-8 bytes as lone surrogates; raises RigError unless it exits with 0."""
    completed = subprocess.run(
        list(map(str, command)),
        input=None if stdin is None else os.fsencode(stdin),
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=timeout_seconds,
        env=_environment(environment),
        check=False,
    )
    output = completed.stdout.decode(errors="surrogateescape")
    if completed.returncode:
        said = completed.stderr.decode(errors="replace")[-3000:] or output[-3000:]
        raise RigError(f"{' '.join(map(str, command))[:500]}: exit code {completed.returncode}; expected 0\n{said}")
    return output


@contextmanager
def background(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`command` as a running process, its output in `log`; ended, politely first, on leaving."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(environment),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """True if nobody listens on `port` of 127.0.0.1 now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: an old connection may linger
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once `process` accepts connections on `port` of 127.0.0.1; raises RigError as `wait_until` does."""

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(answers, process, log)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once `condition` holds; raises RigError when `process` ends or 30 s have passed before that."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if condition():
            return
        time.sleep(0.05)
    said = log.read_text(errors="replace")[-3000:]
    raise RigError(f"server {process.args!r}: not ready, exit code {process.poll()}; expected it to serve\n{said}")


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    loopback = {"no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
    return {**os.environ, "PATH": _search_path(), "LC_ALL": "C.UTF-8", "TZ": "UTC", **loopback, **(extra or {})}


def _search_path() -> str:
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:{_SYSTEM_FOLDERS}"
