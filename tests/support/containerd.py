"""eStargz by its own authors' tool: `ctr-remote image convert` on a containerd that has nothing but a content store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.machine import background, run, wait_until


@dataclass(frozen=True)
class Converter:
    """A running containerd, by its socket."""

    socket: Path

    def convert(self, image: str, tag: str, *options: str) -> None:
        """Pushes `image` (`host:port/repository:tag`) as eStargz into the same repository, as `tag`."""
        self._convert(image, tag, "--estargz", *options)

    def convert_to_zstdchunked(self, image: str, tag: str) -> None:
        """Pushes `image` as zstd:chunked into the same repository, as `tag`."""
        self._convert(image, tag, "--zstdchunked")

    def _convert(self, image: str, tag: str, *options: str) -> None:
        target = f"{image.rpartition(':')[0]}:{tag}"
        self._run("content", "fetch", "--plain-http", image)
        self._run("image", "convert", "--oci", *options, image, target)
        self._run("image", "push", "--plain-http", target)

    def fetch(self, image: str) -> None:
        """Has all blobs of `image` in the content store."""
        self._run("content", "fetch", "--plain-http", image)

    def convert_fetched(self, image: str, tag: str, *options: str) -> str:
        """Name of `image` as eStargz in the content store, under `tag`."""
        target = f"{image.rpartition(':')[0]}:{tag}"
        self._run("image", "convert", "--estargz", "--oci", *options, image, target)
        return target

    def push(self, image: str) -> None:
        """Pushes `image` out of the content store."""
        self._run("image", "push", "--plain-http", image)

    def toc_digest(self, layer: str, *options: str) -> str:
        """Digest that `get-toc-digest` finds in a fetched layer; with `--dump-toc`, the TOC."""
        return run(["ctr-remote", "--address", self.socket, "image", "get-toc-digest", *options, layer]).strip()

    def _run(self, *words: str) -> None:
        run(["ctr-remote", "--address", self.socket, *words], timeout_seconds=600)


@contextmanager
def converter(folder: Path) -> Iterator[Converter]:
    """A containerd of our own, root and state in `folder`; no systemd, no cri, no snapshotter takes part."""
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "containerd.sock"
    configuration = folder / "config.toml"
    configuration.write_text(
        "version = 2\n"
        f'root = "{folder}/root"\n'
        f'state = "{folder}/state"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\naddress = "{socket}"\n'
    )
    log = folder / "containerd.log"
    with background(["containerd", "--config", configuration], log) as process:
        wait_until(socket.exists, process, log)
        yield Converter(socket)
