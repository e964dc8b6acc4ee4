"""Debian's docker-registry on a loopback port, and the OCI layouts that skopeo pushes into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.machine import background, free_port, run, wait_for_port


@dataclass(frozen=True)
class RealRegistry:
    """A running registry, by `host:port`; its own words are in `log`."""

    host: str
    log: Path

    def push(self, layout: Path, tag: str, repository: str) -> None:
        """Puts `tag` of an OCI layout into `repository` under the same tag, every byte as it is."""
        target = f"docker://{self.host}/{repository}:{tag}"
        run([*_COPY, "--dest-tls-verify=false", f"oci:{layout}:{tag}", target])

    def pull(self, repository: str, tag: str, layout: Path) -> None:
        """Adds `tag` of `repository` to an OCI layout, every byte as it is."""
        source = f"docker://{self.host}/{repository}:{tag}"
        run([*_COPY, "--src-tls-verify=false", source, f"oci:{layout}:{tag}"])


_COPY = ("skopeo", "copy", "--quiet", "--preserve-digests")


@contextmanager
def real_registry(folder: Path, *, port: int | None = None) -> Iterator[RealRegistry]:
    """A docker-registry on `port`, or any free one, that keeps its files and its log in `folder`."""
    port = port or free_port()
    host = f"127.0.0.1:{port}"
    log = folder / "registry.log"
    configuration = folder / "registry.yml"
    configuration.write_text(_configuration(host, folder / "blobs"))
    with background(["docker-registry", "serve", configuration], log) as process:
        wait_for_port(port, process, log)
        yield RealRegistry(host, log)


def _configuration(host: str, storage: Path) -> str:
    return (
        "version: 0.1\n"
        "log: {level: warn, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {storage}}}}}\n"
        f"http: {{addr: '{host}'}}\n"
    )
