"""The example that people start with, word for word: a registry on port 5000, an image, a mount, `ls`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.interop.conftest import Served
from tests.support.archives import dir_, file, tar_of, whiteout
from tests.support.clients import davfs2
from tests.support.crfs_server import crfs_server
from tests.support.machine import free_port, is_free, run
from tests.support.process import run_cli
from tests.support.real_registry import RealRegistry, real_registry

USUAL_PORT = 5000
_BASE = (
    *(dir_(name) for name in ("bin/", "etc/", "home/", "usr/", "usr/share/", "var/")),
    file("bin/sh", b"#!"),
    file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
    file("etc/motd", b"old\n"),
)
_UPPER = (dir_("etc/"), whiteout("etc/motd"), file("etc/issue", b"Ubuntu 18.04 \\n \\l\n"))


@dataclass(frozen=True)
class Example:
    """The registry, and crfs-dav's whole tree mounted on a folder."""

    host: str
    mount: Path

    def ls(self, path: str) -> list[str]:
        """What `ls` prints, a name a line."""
        return run(["ls", self.mount / path]).splitlines()


@pytest.fixture(scope="module")
def image(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry with my/ubuntu:18.04, two gzip layers made by umoci and pushed by skopeo."""
    folder = tmp_path_factory.mktemp("example")
    layout = folder / "layout"
    run(["umoci", "init", "--layout", layout])
    run(["umoci", "new", "--image", f"{layout}:18.04"])
    for number, members in enumerate((_BASE, _UPPER)):
        (folder / f"{number}.tar").write_bytes(tar_of(*members))
        run(["umoci", "raw", "add-layer", "--image", f"{layout}:18.04", folder / f"{number}.tar"])
    port = USUAL_PORT if is_free(USUAL_PORT) else free_port()
    with real_registry(folder, port=port) as registry:
        registry.push(layout, "18.04", "my/ubuntu")
        yield registry


@pytest.fixture(scope="module")
def example(image: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("server")
    with crfs_server(image.host, folder) as url, davfs2.mounted(f"{url}/", folder / "mount") as mount:
        yield Example(image.host, mount)


def _digests(example: Example) -> list[str]:
    manifest = json.loads((example.mount / f"layers/{example.host}/my/ubuntu/18.04/manifest").read_bytes())
    return [layer["digest"].replace(":", "-") for layer in manifest["layers"]]


def test_the_tag_and_its_digest_are_listed(example: Example) -> None:
    tag, digest = example.ls(f"layers/{example.host}/my/ubuntu/")

    assert tag == "18.04"
    assert digest.startswith("sha256-")


def test_the_layers_are_listed_by_number_digest_and_place(example: Example) -> None:
    names = example.ls(f"layers/{example.host}/my/ubuntu/18.04/")

    assert names == sorted(["0", "1", "bottom", "config", "manifest", "top", *_digests(example)])


@pytest.mark.parametrize("spelling", ["bottom", "0"])
def test_the_base_layer_is_a_root_file_system(example: Example, spelling: str) -> None:
    path = f"layers/{example.host}/my/ubuntu/18.04/{spelling}"

    assert example.ls(path) == ["bin", "etc", "home", "usr", "var"]
    assert run(["cat", example.mount / path / "etc/passwd"]) == "root:x:0:0:root:/root:/bin/sh\n"


def test_the_merged_image_has_both_layers(example: Example) -> None:
    path = f"images/{example.host}/my/ubuntu/18.04"

    assert example.ls(path) == ["bin", "etc", "home", "usr", "var"]
    assert example.ls(f"{path}/etc") == ["issue", "passwd"]


def test_the_digest_leads_there_too(example: Example) -> None:
    _, digest = example.ls(f"layers/{example.host}/my/ubuntu")

    assert example.ls(f"images/{example.host}/my/ubuntu/{digest}/etc") == ["issue", "passwd"]


def test_inspect_tells_the_same_layers(image: RealRegistry, example: Example, tmp_path: Path) -> None:
    result = run_cli("inspect", f"{image.host}/my/ubuntu:18.04", "--json", env={"XDG_CACHE_HOME": str(tmp_path)})

    found = json.loads(result.stdout)
    assert result.returncode == 0
    assert [layer["digest"].replace(":", "-") for layer in found["layers"]] == _digests(example)
    assert [(layer["format"], layer["reading"]) for layer in found["layers"]] == [("tar, gzip", "pass")] * 2
    assert found["cost"]["requests"] <= 7


@pytest.mark.parametrize(("tag", "expected"), [("esgz", ("eStargz", "toc")), ("plain", ("tar, gzip", "pass"))])
def test_inspect_knows_what_real_writers_made(awkward: Served, tag: str, expected: tuple[str, str]) -> None:
    host = urlsplit(awkward.images_url).path.split("/")[2]
    with tempfile.TemporaryDirectory() as folder:
        reference = f"{host}/{awkward.image.repository}:{tag}"
        result = run_cli("inspect", reference, "--json", env={"XDG_CACHE_HOME": folder})

    assert {(layer["format"], layer["reading"]) for layer in json.loads(result.stdout)["layers"]} == {expected}
