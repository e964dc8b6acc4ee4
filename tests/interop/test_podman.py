"""What `podman save` writes of a Debian with a layer of ours on top, in each of its formats, beside what umoci unpacks.

Not of the big image: Podman refuses a whiteout below what another layer has made a file.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.interop.conftest import Served
from tests.support.archives import dir_, file, hardlink, link, tar_of, whiteout
from tests.support.clients import curl
from tests.support.crfs_server import crfs_server
from tests.support.expected import View, differences, expected_view
from tests.support.machine import run
from tests.support.real_registry import RealRegistry

_NAME = "localhost/test/podman:saved"
_SHOWN = {  # file or folder, and reference as it is shown
    "docker-archive": ("docker.tar", "localhost_test_podman:saved"),
    "oci-archive": ("oci.tar", "localhost_test_podman:saved"),
    "oci-dir": ("folder", "localhost_test_podman:saved"),
}
_UPPER = tar_of(
    dir_("etc/"),
    file("etc/made-here", b"by a layer of ours\n").at(1_500_000_000),
    whiteout("etc/issue"),
    link("etc/led-here", "made-here"),
    hardlink("etc/also-here", "etc/made-here"),
)


@dataclass(frozen=True)
class Saved:
    """A server of a folder with what Podman saved, and what is to be seen of it."""

    url: str
    expected: View


@pytest.fixture(scope="module")
def saved(debian: Served, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    folder = tmp_path_factory.mktemp("podman")
    layout = folder / "layout"
    _make_image(layout, debian.image.plain_layers()[0], folder)
    registry.push(layout, "plain", "test/podman")
    local = folder / "local"
    local.mkdir()
    with TemporaryDirectory(prefix="podman-") as short:  # Podman refuses a runroot of more than 50 characters
        storage: list[str | Path] = ["--root", folder / "storage", "--runroot", short, "--storage-driver", "vfs"]
        _save(["podman", *storage], f"{registry.host}/test/podman:plain", local)
    run(["umoci", "raw", "unpack", "--image", f"{layout}:plain", folder / "root"])
    with crfs_server(registry.host, tmp_path_factory.mktemp("server"), "--local", str(local)) as url:
        yield Saved(url, expected_view(folder / "root"))


def _save(podman: Sequence[str | Path], image: str, folder: Path) -> None:
    run([*podman, "pull", "--quiet", "--tls-verify=false", image])
    run([*podman, "tag", image, _NAME])
    for form, (name, _) in _SHOWN.items():
        run([*podman, "save", "--quiet", "--format", form, "--output", folder / name, _NAME])


def _make_image(layout: Path, base: Path, folder: Path) -> None:
    run(["umoci", "init", "--layout", layout])
    run(["umoci", "new", "--image", f"{layout}:plain"])
    for name, tar in (("base.tar", gzip.decompress(base.read_bytes())), ("upper.tar", _UPPER)):
        (folder / name).write_bytes(tar)
        run(["umoci", "raw", "add-layer", "--image", f"{layout}:plain", folder / name])


@pytest.mark.parametrize(("name", "reference"), _SHOWN.values(), ids=_SHOWN)
def test_what_podman_saves_is_what_umoci_unpacks(saved: Saved, tmp_path: Path, name: str, reference: str) -> None:
    url = f"{saved.url}/images/local/{name}/{reference}"

    assert differences(saved.expected, curl.view(url, tmp_path)) == []
