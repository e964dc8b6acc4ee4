"""Names, links, whiteouts and sizes that break careless readers, through ctr-remote and back: walked by real clients.

Merged, the image is compared with what umoci unpacks; each layer with what GNU tar takes out of the gzip layer, where
whiteouts are plain files. Every client reads every file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.interop.conftest import Served
from tests.support.clients import cadaver, curl, davfs2, gvfs, rclone
from tests.support.expected import Facts, View, differences, expected_view
from tests.support.machine import run
from tests.support.real_registry import RealRegistry


@dataclass(frozen=True)
class Tree:
    """A tree that clients walk, and what they must see of it."""

    url: str
    expected: View


@pytest.fixture(scope="module")
def trees(awkward: Served, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tree]:
    """The merged image, and each of its layers."""
    found = {"merged": Tree(awkward.images_url, awkward.expected)}
    for number, blob in enumerate(awkward.image.plain_layers()):
        folder = tmp_path_factory.mktemp("layer")
        run(["tar", "-xzf", blob, "-C", folder])
        found[f"layer {number}"] = Tree(f"{awkward.layers_url}/{number}", expected_view(folder))
    return found


def _as_it_is(view: View) -> View:
    return view


def _without_epoch(view: View) -> View:
    """davfs2 takes 1970 for "not known" and shows the present."""
    return {path: replace(facts, mtime=facts.mtime or None) for path, facts in view.items()}


def _not_rounded(view: View) -> View:
    """Only eStargz's writer rounds times; elsewhere fractions of a second are cut off."""
    cut = {path: replace(facts, mtime=facts.mtime - 1) for path, facts in view.items() if facts.mtime == 1_500_000_001}
    return {**view, **cut}


def _in_json(view: View) -> View:
    return {rclone.spelled(path): facts for path, facts in view.items()}


def _without_names(view: View) -> View:
    """Half of them cannot be typed in cadaver; `test_names` has it walk the others."""
    return {path: facts for path, facts in view.items() if not path.startswith("names/")}


def _cadavers(url: str, scratch: Path) -> Mapping[str, Facts]:
    return cadaver.view(url, scratch, closed=("names",))


_CLIENTS = {
    "curl": (curl.view, _as_it_is),
    "davfs2": (davfs2.view, _without_epoch),
    "rclone": (rclone.view, _in_json),
    "gvfs": (gvfs.view, _as_it_is),
    "cadaver": (_cadavers, _without_names),
}


@pytest.mark.parametrize("tree", ["merged", "layer 0", "layer 1", "layer 2"])
@pytest.mark.parametrize(("view", "shown"), _CLIENTS.values(), ids=_CLIENTS.keys())
def test_client_walks_to_the_end(
    trees: Mapping[str, Tree],
    tmp_path: Path,
    view: Callable[[str, Path], View],
    shown: Callable[[View], View],
    tree: str,
) -> None:
    assert differences(shown(trees[tree].expected), view(trees[tree].url, tmp_path)) == []


@pytest.mark.parametrize("packing", ["gzip", "zstd", "zstd:chunked"])
def test_every_packing_shows_the_same_files(
    awkward: Served, trees: Mapping[str, Tree], registry: RealRegistry, server: str, tmp_path: Path, packing: str
) -> None:
    repository, tag = awkward.image.repository, packing.replace(":", "-")
    layout = tmp_path / "layout"
    source, target = f"oci:{awkward.image.layout}:plain", f"oci:{layout}:{tag}"
    run(["skopeo", "copy", "--quiet", "--dest-compress-format", packing, source, target])
    registry.push(layout, tag, repository)

    path = f"{registry.host}/{repository}/{tag}"
    places = {name: f"{server}/layers/{path}/{name.removeprefix('layer ')}" for name in trees}
    places["merged"] = f"{server}/images/{path}"
    for name, tree in trees.items():
        (tmp_path / name).mkdir()
        assert differences(_not_rounded(tree.expected), curl.view(places[name], tmp_path / name)) == []
