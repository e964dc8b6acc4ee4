"""What every `Directory` promises, over every implementation."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from crfs_dav.archive import Kind
from crfs_dav.errors import NotFound
from crfs_dav.tree.node import Directory, is_directory, walk
from crfs_dav.tree.overlay import merge
from crfs_dav.tree.static import StaticDirectory, StaticFile
from tests.support.memory_archive import dir_, file, hardlink, special, symlink
from tests.support.trees import content, followed, layer, paths

ITEMS = [
    dir_("./", mode=0o700),
    file("etc/passwd", b"root\n"),
    file("etc/empty"),
    file("etc/\udcff", b"bytes"),
    hardlink("etc/same", "etc/passwd"),
    hardlink("etc/lost", "nowhere"),
    symlink("etc/link", "passwd"),
    symlink("here", "."),
    symlink("deep/up", "../etc"),
    special("dev/null", Kind.CHAR),
    *(file(f"many/n{i}", b"%d" % i) for i in range(700)),
]
UPPER = [file("etc/.wh.empty"), file("etc/new", b"new"), file("deep/up/through", b"written"), dir_("more")]


def static() -> Directory:
    mtime = datetime(2020, 1, 1, tzinfo=UTC)
    return StaticDirectory({"a": StaticDirectory({"f": StaticFile(b"f", mtime=mtime)}), "g": StaticFile(b"")})


def merged() -> Directory:
    return merge([layer(*ITEMS, layer_id="base"), layer(*UPPER, layer_id="upper")])


TREES: dict[str, Callable[[], Directory]] = {
    "static": static,
    "layer": lambda: layer(*ITEMS),
    "overlay": merged,
    "links over a layer": lambda: followed(layer(*ITEMS)),
    "links over an overlay": lambda: followed(merged()),
}


@pytest.fixture(params=TREES.values(), ids=list(TREES))
def build(request: pytest.FixtureRequest) -> Callable[[], Directory]:
    made: Callable[[], Directory] = request.param
    return made


def test_every_walk_ends_and_comes_by_each_path_once(build: Callable[[], Directory]) -> None:
    found = [path for path, _ in paths(build())]
    assert 2 < len(found) == len(set(found)) < 10_000


def test_lookup_and_children_agree(build: Callable[[], Directory]) -> None:
    root = build()
    for path, node in paths(root):
        found = walk(root, path.split("/"))
        assert (is_directory(found), found.entry) == (is_directory(node), node.entry)


def test_kind_dir_means_a_directory(build: Callable[[], Directory]) -> None:
    root = build()
    assert is_directory(root)
    assert root.entry.kind is Kind.DIR
    for _, node in paths(root):
        assert is_directory(node) == (node.entry.kind is Kind.DIR)


@pytest.mark.parametrize("name", ["no such name", "", ".", "..", "/", "a/f", "etc/passwd", "\0", "\ud800"])
def test_a_name_that_is_not_there_is_not_found(build: Callable[[], Directory], name: str) -> None:
    with pytest.raises(NotFound):
        build().lookup(name)


def test_content_ids_are_the_same_after_a_restart_and_differ_with_the_bytes(build: Callable[[], Directory]) -> None:
    known: dict[str, bytes] = {}
    for first, second in zip(files(build()), files(build()), strict=True):
        assert first == second
        assert re.fullmatch("[A-Za-z0-9.:_-]+", first[1])
        assert known.setdefault(first[1], first[2]) == first[2]


def files(root: Directory) -> list[tuple[str, str, bytes]]:
    return [(path, getattr(node, "content_id"), content(node)) for path, node in paths(root) if hasattr(node, "open")]  # noqa: B009


@pytest.mark.parametrize("name", ["links over a layer", "links over an overlay"])
def test_without_links_there_are_only_directories_and_files(name: str) -> None:
    assert all(is_directory(node) or hasattr(node, "open") for _, node in paths(TREES[name]()))
