from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crfs_dav.archive import Kind
from crfs_dav.errors import NotFound
from crfs_dav.names import digest_of
from crfs_dav.tree.links import DIRECTORY_LINK_LIMIT
from crfs_dav.tree.node import walk
from tests.support.memory_archive import Item, dir_, file, hardlink, special, symlink
from tests.support.trees import content, followed, layer, listed

DEFAULT = datetime(1999, 1, 1, tzinfo=UTC)

SHOWN: dict[str, tuple[list[Item], dict[str, str]]] = {
    "a link to a file": ([file("f", b"1"), symlink("l", "f")], {"f": "1", "l": "1"}),
    "a link to a directory": (
        [file("d/f", b"1"), symlink("l", "d")],
        {"d": "dir", "d/f": "1", "l": "dir", "l/f": "1"},
    ),
    "links on one path": (
        [file("c/d/f", b"1"), symlink("a", "b"), symlink("b", "c/x"), symlink("c/x", "d/f")],
        {"a": "1", "b": "1", "c": "dir", "c/d": "dir", "c/d/f": "1", "c/x": "1"},
    ),
    "an absolute link starts at the root": (
        [file("f", b"1"), symlink("a/b/l", "/f")],
        {"a": "dir", "a/b": "dir", "a/b/l": "1", "f": "1"},
    ),
    "a link cannot leave the root": (
        [file("f", b"1"), symlink("a/l", "../../../../f")],
        {"a": "dir", "a/l": "1", "f": "1"},
    ),
    "a link is relative to where its directory really is": (
        [symlink("l", "a/b"), symlink("a/b/up", "../f"), file("a/f", b"1"), file("f", b"2")],
        {"a": "dir", "a/b": "dir", "a/b/up": "1", "a/f": "1", "f": "2", "l": "dir", "l/up": "1"},
    ),
    "a link to nowhere is its text": ([symlink("l", "no/where")], {"l": "no/where"}),
    "an empty link is an empty file": ([symlink("l", "")], {"l": ""}),
    "a link to itself is its text": ([symlink("l", "l")], {"l": "l"}),
    "a circle of links is their texts": ([symlink("a", "b"), symlink("b", "/a")], {"a": "b", "b": "/a"}),
    "a link through a file is its text": (
        [file("f", b"1"), symlink("l", "f/x"), symlink("m", "f/")],
        {"f": "1", "l": "f/x", "m": "f/"},
    ),
    "a link to its own directory is its text": (
        [file("usr/bin/f", b"1"), symlink("usr/bin/X11", ".")],
        {"usr": "dir", "usr/bin": "dir", "usr/bin/X11": ".", "usr/bin/f": "1"},
    ),
    "a link to a directory above is its text": (
        [symlink("a/b/up", ".."), symlink("a/b/root", "/")],
        {"a": "dir", "a/b": "dir", "a/b/root": "/", "a/b/up": ".."},
    ),
    "mutual links end": (
        [symlink("c/x/y", "../y"), symlink("c/y/x", "../x")],
        {"c": "dir", "c/x": "dir", "c/x/y": "dir", "c/x/y/x": "../x", "c/y": "dir", "c/y/x": "dir", "c/y/x/y": "../y"},
    ),
    "a link back to where a link came from ends": (
        [symlink("l", "d/e"), symlink("d/e/up", "..")],
        {"d": "dir", "d/e": "dir", "d/e/up": "..", "l": "dir", "l/up": "dir", "l/up/e": "dir", "l/up/e/up": ".."},
    ),
    "devices and fifos are empty files": (
        [special("c", Kind.CHAR), special("b", Kind.BLOCK), special("f", Kind.FIFO), symlink("l", "c")],
        {"b": "", "c": "", "f": "", "l": ""},
    ),
    "a hard link without a target is hidden": ([hardlink("h", "no"), symlink("l", "h")], {"l": "h"}),
}


@pytest.mark.parametrize(("items", "tree"), SHOWN.values(), ids=SHOWN)
def test_a_tree_without_links_shows_what_they_lead_to(items: list[Item], tree: dict[str, str]) -> None:
    assert listed(followed(layer(*items))) == tree


@pytest.mark.parametrize(("links", "found"), [(40, "1"), (41, "l1")])
def test_forty_links_are_followed_and_no_more(links: int, found: str) -> None:
    items = [symlink(f"l{i}", f"l{i + 1}") for i in range(links)]
    tree = followed(layer(*items, file(f"l{links}", b"1")))
    assert content(tree.lookup("l0")).decode() == found


def test_an_endless_link_is_its_text() -> None:
    text = "./" * 4000 + "f"
    assert content(followed(layer(file("f"), symlink("l", text))).lookup("l")) == text.encode()


@pytest.mark.parametrize("path", ["l", "d"])
def test_a_link_shows_its_targets_entry_and_its_own_text(path: str) -> None:
    root = followed(layer(file("f", b"1"), dir_("e", mode=0o711), symlink("l", "./f"), symlink("d", "/e")))
    entry = root.lookup(path).entry
    shown = {"l": (Kind.REG, 0o644, 1, "./f"), "d": (Kind.DIR, 0o711, 0, "/e")}
    assert (entry.kind, entry.mode, entry.size, entry.link_name) == shown[path]


def test_a_link_to_a_file_has_that_files_content_id() -> None:
    children: Any = followed(layer(file("f", b"1"), symlink("l", "f"))).children()
    assert children["l"].content_id == children["f"].content_id


def test_a_broken_link_is_a_file_of_kind_symlink() -> None:
    node: Any = followed(layer(symlink("l", "no\udcff"))).lookup("l")
    assert (node.entry.kind, node.entry.size, node.entry.link_name) == (Kind.SYMLINK, 3, "no\udcff")
    assert content(node) == os.fsencode("no\udcff") == b"no\xff"
    assert node.content_id == str(digest_of(b"no\xff"))


def test_a_link_whose_text_no_bytes_spell_is_readable_all_the_same() -> None:
    assert len(content(followed(layer(symlink("l", "\ud800"))).lookup("l"))) == 3


def test_a_device_keeps_its_kind() -> None:
    node: Any = followed(layer(special("c", Kind.CHAR))).lookup("c")
    assert (node.entry.kind, node.entry.size, node.content_id) == (Kind.CHAR, 0, str(digest_of(b"")))


def test_a_hidden_hard_link_is_not_found() -> None:
    with pytest.raises(NotFound):
        followed(layer(hardlink("h", "no"))).lookup("h")


def test_a_chain_of_directory_links_ends_at_the_limit() -> None:
    count = DIRECTORY_LINK_LIMIT + 5
    tree = followed(layer(*(symlink(f"d{i}/next", f"../d{i + 1}") for i in range(count)), dir_(f"d{count}")))
    assert (
        content(walk(tree, ["d0"] + ["next"] * (DIRECTORY_LINK_LIMIT + 1)))
        == f"../d{DIRECTORY_LINK_LIMIT + 1}".encode()
    )


def test_lookup_lists_nothing() -> None:
    class Unlistable:
        entry = layer().entry

        def lookup(self, name: str) -> Any:
            return layer(file("f", b"1")).lookup("f")

        def children(self) -> Any:
            raise AssertionError("listed")

    assert content(followed(Unlistable()).lookup("f")) == b"1"


def test_the_default_time_is_asked_for_directories_without_one_only() -> None:
    asked: list[int] = []

    def default_mtime() -> datetime:
        asked.append(1)
        return DEFAULT

    told = replace(dir_("told")[0], mtime=datetime(2001, 1, 1, tzinfo=UTC)), b""
    tree = followed(layer(told, file("implied/f", b"")), default_mtime=default_mtime)

    assert tree.lookup("told").entry.mtime == told[0].mtime
    assert walk(tree, ["implied", "f"]).entry.mtime is None
    assert asked == []
    assert tree.lookup("implied").entry.mtime == DEFAULT


def test_what_was_looked_up_lately_is_the_same_node_again() -> None:
    root = followed(layer(dir_("d"), file("d/f", b"1"), symlink("l", "d")))

    assert walk(root, ["d", "f"]) is walk(root, ["d", "f"])
    assert walk(root, ["l"]) is walk(root, ["l"])
    assert walk(root, ["l"]) is not walk(root, ["d"])
