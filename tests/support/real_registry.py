"""Debian's docker-registry on a loopback port, and the OCI layouts that skopeo pushes into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
def real_registry(
    folder: Path, *, port: int | None = None, name: str = "registry", **more: Mapping[str, object]
) -> Iterator[RealRegistry]:
    """A docker-registry on `port`, or any free one, that keeps its files and its log in `folder`.

    `more` goes into its configuration; another `name` lets it share the files of the first one. Then it logs requests.
    """
    port = port or free_port()
    host = f"127.0.0.1:{port}"
    log = folder / f"{name}.log"
    configuration = folder / f"{name}.yml"
    configuration.write_text(json.dumps(_configuration(host, folder / "blobs", more), default=str))
    with background(["docker-registry", "serve", configuration], log) as process:
        wait_for_port(port, process, log)
        yield RealRegistry(host, log)


def _configuration(host: str, storage: Path, more: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": not more}},
        "storage": {"filesystem": {"rootdirectory": storage}},
        **more,
        "http": {"addr": host, **more.get("http", {})},
    }
