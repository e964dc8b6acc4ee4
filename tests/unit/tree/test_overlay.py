from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crfs_dav.archive import Kind
from crfs_dav.errors import NotFound
from crfs_dav.tree.node import is_directory, walk
from crfs_dav.tree.overlay import OverlayDirectory, merge
from crfs_dav.tree.static import StaticDirectory, StaticFile
from tests.support.memory_archive import Item, dir_, file, hardlink, symlink
from tests.support.naive_merge import naive_merge
from tests.support.trees import content, layer, listed, paths

Layers = list[list[Item]]

BASE = [file("a/x", b"1"), file("a/y", b"2"), file("f", b"3")]

MERGED: dict[str, tuple[Layers, dict[str, str]]] = {
    "no layer": ([], {}),
    "one layer": ([BASE], {"a": "dir", "a/x": "1", "a/y": "2", "f": "3"}),
    "directories are united": ([BASE, [file("a/z", b"4")]], {"a": "dir", "a/x": "1", "a/y": "2", "a/z": "4", "f": "3"}),
    "the upper file wins": ([BASE, [file("f", b"4")]], {"a": "dir", "a/x": "1", "a/y": "2", "f": "4"}),
    "a whiteout hides a file": ([BASE, [file(".wh.f")]], {"a": "dir", "a/x": "1", "a/y": "2"}),
    "a whiteout hides a directory": ([BASE, [file(".wh.a")]], {"f": "3"}),
    "a file over a directory, and whiteouts of what was in it, as umoci writes them": (
        [BASE, [file("a", b"4"), file("a/.wh.x"), file("a/sub/.wh.z")]],
        {"a": "4", "f": "3"},
    ),
    "a file, then a directory with more than whiteouts": (
        [BASE, [file("a", b"4"), file("a/.wh.x"), file("a/z", b"5")]],
        {"a": "dir", "a/y": "2", "a/z": "5", "f": "3"},
    ),
    "a whiteout of nothing is harmless": (
        [[file("f", b"3")], [file(".wh.g"), file("h/.wh.i")]],
        {"f": "3", "h": "dir"},
    ),
    "a whiteout spares its own layer, before": (
        [BASE, [file(".wh.a"), file("a/z", b"4")]],
        {"a": "dir", "a/z": "4", "f": "3"},
    ),
    "a whiteout spares its own layer, after": (
        [BASE, [file("a/z", b"4"), file(".wh.a")]],
        {"a": "dir", "a/z": "4", "f": "3"},
    ),
    "an opaque directory hides all lower children": (
        [BASE, [file("a/z", b"4"), file("a/.wh..wh..opq")]],
        {"a": "dir", "a/z": "4", "f": "3"},
    ),
    "an opaque root hides all": ([BASE, [file(".wh..wh..opq"), file("g", b"4")]], {"g": "4"}),
    "what upper layers add after a whiteout shows": (
        [BASE, [file(".wh.a")], [file("a/n", b"5")]],
        {"a": "dir", "a/n": "5", "f": "3"},
    ),
    "the whiteouts of aufs are ignored": (
        [BASE, [file(".wh..wh.plnk"), dir_(".wh..wh.orph"), file(".wh..wh.aufs")]],
        {"a": "dir", "a/x": "1", "a/y": "2", "f": "3"},
    ),
    "a file hides a directory": ([BASE, [file("a", b"4")]], {"a": "4", "f": "3"}),
    "a link hides a directory": ([BASE, [symlink("a", "f")]], {"a": "-> f", "f": "3"}),
    "a directory over a file starts empty": ([[file("f", b"3")], [dir_("f")]], {"f": "dir"}),
    "a directory over a file over a directory starts empty": (
        [BASE, [file("a", b"4")], [file("a/n", b"5")]],
        {"a": "dir", "a/n": "5", "f": "3"},
    ),
    "a listed directory replaces a link": (
        [[file("usr/lib/a", b"1"), symlink("lib", "usr/lib")], [dir_("lib"), file("lib/b", b"2")]],
        {"lib": "dir", "lib/b": "2", "usr": "dir", "usr/lib": "dir", "usr/lib/a": "1"},
    ),
    "an implied directory is written through a link": (
        [[file("usr/lib/a", b"1"), symlink("lib", "usr/lib")], [file("lib/b", b"2"), file("lib/.wh.a")]],
        {"lib": "-> usr/lib", "usr": "dir", "usr/lib": "dir", "usr/lib/b": "2"},
    ),
    "writing through a link keeps to the layer's order": (
        [[symlink("l", "d")], [file("d/f", b"1"), file("l/f", b"2"), file("l/g", b"3"), file("d/g", b"4")]],
        {"l": "-> d", "d": "dir", "d/f": "2", "d/g": "4"},
    ),
    "a whiteout written through a link spares its own layer": (
        [[file("d/f", b"1"), symlink("l", "d")], [file("l/.wh.f"), file("d/f", b"2")]],
        {"l": "-> d", "d": "dir", "d/f": "2"},
    ),
    "links are written through one after the other": (
        [[symlink("a", "b"), symlink("b", "/c/d"), symlink("c", "e")], [file("a/f", b"1")]],
        {"a": "-> b", "b": "-> /c/d", "c": "-> e", "e": "dir", "e/d": "dir", "e/d/f": "1"},
    ),
    "a link below an implied directory is written through": (
        [[symlink("usr/lib", "lib64")], [file("usr/lib/f", b"1")]],
        {"usr": "dir", "usr/lib": "-> lib64", "usr/lib64": "dir", "usr/lib64/f": "1"},
    ),
    "a whited out link is not written through": (
        [[symlink("lib", "usr/lib")], [file(".wh.lib"), file("lib/f", b"1")]],
        {"lib": "dir", "lib/f": "1"},
    ),
    "a link that leads out stays inside": (
        [[symlink("a/l", "../../../../etc")], [file("a/l/f", b"1")]],
        {"a": "dir", "a/l": "-> ../../../../etc", "etc": "dir", "etc/f": "1"},
    ),
    "what is below a circle of links of two layers is left out": (
        [[symlink("l", "m")], [symlink("m", "l"), file("m/f", b"1")]],
        {"l": "-> m", "m": "-> l"},
    ),
    "a directory that replaced a link and was replaced is not written through": (
        [[symlink("l", "d")], [dir_("l"), file("l", b"1"), file("l/f", b"2")]],
        {"l": "dir", "l/f": "2"},
    ),
}


@pytest.mark.parametrize(("layers", "tree"), MERGED.values(), ids=MERGED)
def test_layers_merge_as_the_image_specification_says(layers: Layers, tree: dict[str, str]) -> None:
    assert listed(merge([layer(*items) for items in layers])) == tree


# A layer lists directories first, shallow ones before deep ones, then links that replace none of them, then files below
# any of these. In another order unpacking may write through a link before the same layer replaces it, which the
# finished tree of a layer does not know; the table above has what such layers are promised.
NAMES = ["a", "b", "l", "m"]
TARGETS = ["a", "b", "l", "m", "/a", "/b/a", "/l", "../a", "../../b", "a/b", "l/a", ".", "nowhere"]


def paths_of(above: list[str], base: list[str], depth: int = 2) -> st.SearchStrategy[str]:
    components = st.tuples(st.lists(st.sampled_from(above), max_size=depth), st.sampled_from(base))
    return components.map(lambda parts: "/".join([*parts[0], parts[1]]))


def in_order(directories: list[str], links: dict[str, str], others: list[Item]) -> list[Item]:
    kept = {
        path: to for path, to in links.items() if not any(f"{name}/".startswith(f"{path}/") for name in directories)
    }
    return [
        *map(dir_, sorted(directories, key=lambda path: path.count("/"))),
        *(symlink(path, kept[path]) for path in sorted(kept)),
        *others,
    ]


WHITEOUTS = paths_of(["a", "b"], [".wh.a", ".wh.b", ".wh.l", ".wh.f", ".wh..wh..opq"]).map(file)
FILES = st.builds(file, paths_of(NAMES, ["f", "g"]), st.sampled_from([b"1", b"2", b"3"]))
LAYER = st.builds(
    in_order,
    st.lists(paths_of(NAMES, [*NAMES, "f"], depth=1), max_size=3),
    st.dictionaries(paths_of(["a", "b"], ["l", "m", "f"]), st.sampled_from(TARGETS), max_size=3),
    st.lists(st.one_of(FILES, WHITEOUTS), max_size=6),
)
LAYERS = st.lists(LAYER, max_size=4)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(LAYERS)
@example([[symlink("a", "b")], [file("a/a", b"1")], [symlink("b", "l"), file("a/b", b"2")]])
def test_merged_layers_equal_what_unpacking_gives(layers: Layers) -> None:
    assert listed(merge([layer(*items) for items in layers])) == naive_merge(layers)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(LAYERS)
def test_lookup_finds_what_children_list(layers: Layers) -> None:
    root = merge([layer(*items) for items in layers])
    for path, node in paths(root):
        found = walk(root, path.split("/"))
        assert (is_directory(found), found.entry) == (is_directory(node), node.entry)


def test_a_hard_link_into_a_lower_layer_is_that_layers_file() -> None:
    base = layer(file("usr/f", b"1"), symlink("lib", "usr"), layer_id="base")
    root = merge([base, layer(hardlink("h", "usr/f"), hardlink("i", "h"), hardlink("j", "lib/f"), layer_id="top")])
    nodes: Any = [root.lookup(name) for name in "hij"]
    assert [content(node) for node in nodes] == [b"1"] * 3
    assert {node.content_id for node in nodes} == {"base.0"}


def test_a_hard_link_prefers_its_own_layers_target() -> None:
    root = merge([layer(file("f", b"1")), layer(hardlink("h", "f"), file("f", b"2"))])
    assert content(root.lookup("h")) == b"2"


def test_a_hard_link_leads_to_what_its_own_layer_removes() -> None:
    root = merge([layer(file("f", b"1")), layer(hardlink("h", "f"), file(".wh.f"))])
    assert listed(root) == {"h": "1"}


def test_a_hard_link_found_nowhere_stays_a_link_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        root = merge(
            [layer(dir_("d")), layer(hardlink("h", "f"), hardlink("i", "d"), hardlink("j", "d/f"), layer_id="l2")]
        )
    assert {node.entry.kind for name, node in root.children().items() if name != "d"} == {Kind.HARDLINK}
    assert [record.getMessage() for record in caplog.records] == [
        "layer l2: 3 hard links hidden: no target in it or below it"
    ]


def test_merging_changes_no_layer() -> None:
    base, top = layer(symlink("lib", "usr/lib"), file("f", b"1")), layer(file("lib/x", b"2"), hardlink("h", "f"))
    before = listed(base), listed(top)
    merge([base, top])
    assert (listed(base), listed(top)) == before


def test_a_layer_without_open_questions_is_used_as_it_is() -> None:
    top = layer(file("usr/lib/x"))
    assert merge([layer(dir_("usr/lib")), top])._directories[0] is top


def test_metadata_comes_from_the_uppermost_listed_directory() -> None:
    root = merge([layer(dir_("d", mode=0o700)), layer(dir_("d", mode=0o711)), layer(file("d/f"))])
    assert root.lookup("d").entry.mode == 0o711


def test_directories_that_no_layer_lists_are_implied() -> None:
    entry = merge([layer(file("d/f")), layer(file("d/g"))]).lookup("d").entry
    assert (entry.implied, entry.mode) == (True, 0o755)


def test_whiteouts_are_not_found_by_name() -> None:
    root = merge([layer(file("f")), layer(file(".wh.f"))])
    for name in ("f", ".wh.f"):
        with pytest.raises(NotFound):
            root.lookup(name)


def test_any_directories_can_be_stacked() -> None:
    lower = StaticDirectory({"a": StaticFile(b"1"), "d": StaticDirectory({"b": StaticFile(b"2")})})
    upper = StaticDirectory({".wh.a": StaticFile(b""), "d": StaticDirectory({"c": StaticFile(b"3")})})
    assert listed(OverlayDirectory([upper, lower])) == {"d": "dir", "d/c": "3", "d/b": "2"}
