"""Images whose layers become one, or none, as umoci unpacks them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.formats.estargz import HIDDEN
from tests.support.archives import Member, char, dir_, fifo, file, hardlink, link, opaque, tar_of, whiteout
from tests.support.awkward import awkward_layers
from tests.support.disk import DiskFacts, disk_differences, disk_facts
from tests.support.machine import run

pytestmark = pytest.mark.usefixtures("tools")


def image_of(tars: list[bytes], folder: Path) -> str:
    """A layout with an image of these layers, by umoci."""
    layout = folder / "source"
    run(["umoci", "init", "--layout", layout])
    run(["umoci", "new", "--image", f"{layout}:x"])
    for tar in tars:
        (folder / "layer.tar").write_bytes(tar)
        run(["umoci", "raw", "add-layer", "--image", f"{layout}:x", folder / "layer.tar"])
    return f"{layout}:x"


def convert(source: str, destination: str, *options: str) -> None:
    run([sys.executable, "-m", "crfs_dav", "convert", "--quiet", *options, f"oci:{source}", f"oci:{destination}"])


def unpacked(image: str, root: Path) -> Mapping[str, DiskFacts]:
    run(["umoci", "raw", "unpack", "--image", image, root])
    return {path: facts for path, facts in disk_facts(root).items() if path not in HIDDEN}


def documents(layout: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and config."""
    index = json.loads((layout / "index.json").read_text())

    def read(descriptor: Mapping[str, str]) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((layout / "blobs" / descriptor["digest"].replace(":", "/")).read_text())
        return document

    manifest = read(index["manifests"][0])
    return manifest, read(manifest["config"])


LAYERS: dict[str, tuple[tuple[Member, ...], ...]] = {
    "hard links whose target is replaced, removed and below": (
        (file("a", b"old", mode=0o4755).owned(5, 6).at(1000), hardlink("a-link", "a"), file("c", b"gone")),
        (file("a", b"new"), hardlink("late", "a-link"), hardlink("c-link", "c")),
        (whiteout("a-link"), hardlink("again", "a"), whiteout("c")),
    ),
    "a hard link made before its target is there anew": (
        (file("a", b"old"), hardlink("b", "a"), file("a", b"new"), hardlink("c", "a")),
    )
    * 2,
    "kinds that change": (
        (dir_("d"), file("d/x", b"1"), file("f", b"1"), link("l", "d"), dir_("e"), file("e/y", b"1")),
        (
            file("d", b"file now"),
            dir_("f", mode=0o700),
            file("f/x", b"2"),
            dir_("l"),
            file("l/z", b"3"),
            link("e", "f"),
        ),
    ),
    "opaque directories and whiteouts of what is there again": (
        (dir_("o"), file("o/a", b"1"), dir_("o/s"), file("o/s/b", b"1"), dir_("r"), file("r/x", b"1")),
        (dir_("o", mode=0o750), opaque("o"), file("o/new", b"2"), whiteout("r")),
        (dir_("r"), file("r/y", b"3")),
    ),
    "below links of lower layers": (
        (dir_("usr"), dir_("usr/lib"), link("lib", "usr/lib"), file("usr/lib/a", b"1")),
        (file("lib/b", b"2"), whiteout("usr/lib/a"), hardlink("lib/c", "usr/lib/b")),
    ),
    "an implied directory that is emptied": ((file("implied/only", b"1"),), (whiteout("implied/only"),)),
    "links to what is no file": (
        (
            link("s", "nowhere"),
            hardlink("s2", "s"),
            fifo("p"),
            hardlink("p2", "p"),
            char("n", 1, 3),
            hardlink("n2", "n"),
        ),
        (whiteout("s"), whiteout("p"), whiteout("n")),
    ),
    "attributes and odd owners": (
        (
            file("x", b"1").with_xattrs({"user.a": b"\0\xff"}),
            hardlink("x2", "x"),
            file("far", b"").owned(4_000_000_000, 3_000_000).at(1_500_000_000.75),
            file("long/" * 30 + "name", b"2"),
        ),
        (whiteout("x"),),
    ),
}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_one_layer_unpacks_as_all_did(layers: tuple[tuple[Member, ...], ...], tmp_path: Path) -> None:
    source = image_of([tar_of(*members) for members in layers], tmp_path)
    convert(source, f"{tmp_path}/flat:x", "--flatten")

    expected, found = unpacked(source, tmp_path / "expected"), unpacked(f"{tmp_path}/flat:x", tmp_path / "found")

    assert disk_differences(expected, found) == []


def test_the_awkward_image_is_the_same_in_one_layer(tmp_path: Path) -> None:
    source = image_of(list(awkward_layers(many=100)), tmp_path)
    for form, level in (("estargz", "1"), ("stargz", "9")):
        convert(source, f"{tmp_path}/{form}:x", "--flatten", "--format", form, "--level", level)
        root = tmp_path / f"root-{form}"
        assert (
            disk_differences(unpacked(source, tmp_path / f"expected-{form}"), unpacked(f"{tmp_path}/{form}:x", root))
            == []
        )
    assert len(documents(tmp_path / "estargz")[0]["layers"]) == 1


def test_the_metadata_alone_are_an_image_without_files(tmp_path: Path) -> None:
    source = image_of([tar_of(file("a", b"1")), tar_of(file("b", b"2"))], tmp_path)
    convert(source, f"{tmp_path}/bare:x", "--meta")

    assert unpacked(f"{tmp_path}/bare:x", tmp_path / "root") == {}
    manifest, config = documents(tmp_path / "bare")
    assert sum(layer["size"] for layer in manifest["layers"]) < 1000
    run(["umoci", "stat", "--image", f"{tmp_path}/bare:x"])
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 1
