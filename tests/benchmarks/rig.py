"""What every row needs: a registry with the images in it, a folder to work in, and ways to serve them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.data import BenchImage, bench_image, sized_image
from tests.benchmarks.servers import Served, crfs_dav
from tests.support.link import Link, Speed, link
from tests.support.real_image import RealImage, debian_image
from tests.support.real_registry import RealRegistry

DEBIAN = "test/debian/esgz"
BENCH = "test/bench/x"


@dataclass
class Rig:
    """One registry for all rows; images are pushed when a row first asks for them."""

    registry: RealRegistry
    folder: Path

    @cached_property
    def debian(self) -> RealImage:
        """Debian in three layers."""
        return debian_image(self.registry)

    @cached_property
    def bench(self) -> BenchImage:
        """One big file, many small ones."""
        return bench_image(self.registry, self.debian)

    def sized(self, files: int) -> str:
        """Repository and tag of an image of two layers with so many files."""
        return sized_image(self.registry, files)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder that goes again."""
        with TemporaryDirectory(dir=self.folder) as folder:
            yield Path(folder)

    @contextmanager
    def crfs(self, path: str, folder: Path, *, host: str = "", **settings: object) -> Iterator[Served]:
        """crfs-dav at `/images/<registry>/<path>`; the registry answers at `host` where that is given."""
        host = host or self.registry.host
        with crfs_dav(host, folder, f"images/{host}/{path}", **settings) as served:
            yield served

    @contextmanager
    def cold(self, path: str, speed: Speed) -> Iterator[tuple[Served, Link]]:
        """crfs-dav with empty caches behind a link to the registry."""
        with ExitStack() as stack:
            folder = stack.enter_context(self.scratch())
            wire = stack.enter_context(self.link(speed))
            yield stack.enter_context(self.crfs(path, folder, host=wire.host)), wire

    @contextmanager
    def link(self, speed: Speed) -> Iterator[Link]:
        """A link to the registry."""
        with link(self.registry.host, speed) as wire:
            yield wire
