"""The big image in other forms, by other people's tools: zstd:chunked twice, and as `docker save` writes it.

Kept as the image itself is, for they take a minute to make.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.containerd import converter
from tests.support.kept import kept
from tests.support.machine import run
from tests.support.real_image import RealImage
from tests.support.real_registry import RealRegistry

ZSTD_CHUNKED = {"zstdchunked-ctr-remote": "layout", "zstdchunked-skopeo": "layout-skopeo"}  # tags, and where they are
SAVED = "saved.tar"
SAVED_TAG = "docker.io_test_debian:saved"  # as it is shown; skopeo names the registry
_VARIANTS = "debian-variants-v2"  # a new number whenever what is made here changes


def variants_of(image: RealImage, registry: RealRegistry) -> Path:
    """A folder with OCI layouts of the image in its own and in other forms, and a saved archive of it."""
    return kept(_VARIANTS, lambda making: _make(image, making, registry))


def _make(image: RealImage, folder: Path, registry: RealRegistry) -> None:
    by_ctr_remote, by_skopeo = ZSTD_CHUNKED
    layout = folder / "layout"
    shutil.copytree(image.layout, layout)
    with converter(folder / "containerd") as containerd:
        containerd.convert_to_zstdchunked(f"{registry.host}/{image.repository}:plain", by_ctr_remote)
    shutil.rmtree(folder / "containerd")
    registry.pull(image.repository, by_ctr_remote, layout)
    copy = ["skopeo", "copy", "--quiet"]
    other = folder / ZSTD_CHUNKED[by_skopeo]  # where the layout has the gzip layers, skopeo takes those
    run([*copy, "--dest-compress-format", "zstd:chunked", f"oci:{layout}:plain", f"oci:{other}:{by_skopeo}"])
    run([*copy, f"oci:{layout}:plain", f"docker-archive:{folder / SAVED}:test/debian:saved"])
