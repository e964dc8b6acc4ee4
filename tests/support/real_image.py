"""Images by other people's tools: layers by umoci, eStargz by ctr-remote, unpacked again by umoci as the answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.containerd import converter
from tests.support.debian_layers import build_debian
from tests.support.kept import kept
from tests.support.machine import run
from tests.support.real_registry import RealRegistry

_DEBIAN = "debian-v1"  # a new number whenever what `build_debian` makes changes


@dataclass(frozen=True)
class RealImage:
    """An image in the registry, tags `plain` (gzip) and `esgz` (eStargz), and its unpacked original."""

    repository: str
    layout: Path  # an OCI layout that holds `plain`, and of Debian `esgz` too
    root: Path

    def plain_layers(self) -> list[Path]:
        """The gzip layers as umoci wrote them, base first."""
        return self.layers_of("plain")

    def layers_of(self, tag: str) -> list[Path]:
        """The layers of the image that the layout calls `tag`, base first."""
        index = json.loads((self.layout / "index.json").read_text())
        names = {
            entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in index["manifests"]
        }
        manifest = json.loads(self._blob(names[tag]).read_text())
        return [self._blob(layer["digest"]) for layer in manifest["layers"]]

    def _blob(self, digest: str) -> Path:
        return self.layout / "blobs" / digest.replace(":", "/")


def debian_image(registry: RealRegistry) -> RealImage:
    """The big image, in the registry as `test/debian`; from the cache where it was made before."""
    folder = kept(_DEBIAN, lambda making: _make_debian(making, registry))
    for tag in ("plain", "esgz"):
        registry.push(folder / "layout", tag, "test/debian")
    return RealImage("test/debian", folder / "layout", folder / "root")


def image_of_tars(name: str, tars: Sequence[Path], folder: Path, registry: RealRegistry) -> RealImage:
    """An image whose layers are `tars`, base first, in the registry as `test/<name>`; made in `folder`."""
    layout = folder / "layout"
    run(["umoci", "init", "--layout", layout])
    run(["umoci", "new", "--image", f"{layout}:plain"])
    for tar in tars:
        run(["umoci", "raw", "add-layer", "--image", f"{layout}:plain", tar])
    return _convert_and_unpack(f"test/{name}", folder, registry)


def _make_debian(folder: Path, registry: RealRegistry) -> None:
    folder.mkdir(mode=0o700)
    build_debian(folder)
    _convert_and_unpack("test/debian", folder, registry)
    registry.pull("test/debian", "esgz", folder / "layout")


def _convert_and_unpack(repository: str, folder: Path, registry: RealRegistry) -> RealImage:
    layout = folder / "layout"
    registry.push(layout, "plain", repository)
    with converter(folder / "containerd") as containerd:
        containerd.convert(f"{registry.host}/{repository}:plain", "esgz")
    shutil.rmtree(folder / "containerd")
    run(["umoci", "raw", "unpack", "--image", f"{layout}:plain", folder / "root"])
    return RealImage(repository, layout, folder / "root")
