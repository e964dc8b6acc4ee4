from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crfs_dav.archive import Kind
from crfs_dav.errors import NotFound
from crfs_dav.names import digest_of
from crfs_dav.tree.node import walk
from tests.support.memory_archive import Item, dir_, file, hardlink, special, symlink
from tests.support.trees import content, layer, listed

MTIME = datetime(2021, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("x", "x"),
        ("./x", "x"),
        ("/x", "x"),
        ("//x", "x"),
        ("x/", "x"),
        ("../../x", "x"),
        ("a/../x", "x"),
        ("a//x", "a/x"),
        ("a/./x", "a/x"),
        ("a/b/../x", "a/x"),
        ("a/..b", "a/..b"),
        ("a/...", "a/..."),
        ("a\\x", "a\\x"),
        ("n\nl", "n\nl"),
        ("\udcff", "\udcff"),
    ],
)
def test_names_are_cleaned_and_never_climb(stored: str, shown: str) -> None:
    files = {path for path, what in listed(layer(file(stored, b"?"))).items() if what == "?"}
    assert files == {shown}


TREES: dict[str, tuple[list[Item], dict[str, str]]] = {
    "parents are implied": ([file("a/b/c", b"1")], {"a": "dir", "a/b": "dir", "a/b/c": "1"}),
    "children keep under a directory listed later": (
        [file("a/b", b"1"), dir_("a/")],
        {"a": "dir", "a/b": "1"},
    ),
    "a directory listed twice keeps its children": (
        [dir_("a"), file("a/b", b"1"), dir_("a"), file("a/c", b"2")],
        {"a": "dir", "a/b": "1", "a/c": "2"},
    ),
    "the last duplicate wins": ([file("a", b"1"), file("a", b"2")], {"a": "2"}),
    "a file replaces a directory and all below": ([file("a/b/c", b"1"), file("a", b"2")], {"a": "2"}),
    "a directory replaces a file": ([file("a", b"1"), dir_("a")], {"a": "dir"}),
    "a path through a file replaces it": ([file("a", b"1"), file("a/b", b"2")], {"a": "dir", "a/b": "2"}),
    "a directory that comes back is empty": (
        [file("a/b", b"1"), file("a", b"2"), dir_("a"), file("a/c", b"3")],
        {"a": "dir", "a/c": "3"},
    ),
    "whiteouts stay what they are": (
        [file(".wh.a"), file("b/.wh..wh..opq")],
        {".wh.a": "", "b": "dir", "b/.wh..wh..opq": ""},
    ),
    "devices and fifos are nodes": (
        [special("c", Kind.CHAR), special("b", Kind.BLOCK), special("f", Kind.FIFO)],
        {"b": "block", "c": "char", "f": "fifo"},
    ),
    "what is below a link is written through it": (
        [symlink("l", "etc"), file("l/f", b"1")],
        {"l": "-> etc", "etc": "dir", "etc/f": "1"},
    ),
    "an absolute link starts at the root": (
        [symlink("a/l", "/etc"), file("a/l/f", b"1")],
        {"a": "dir", "a/l": "-> /etc", "etc": "dir", "etc/f": "1"},
    ),
    "a link stays inside the layer": (
        [symlink("a/l", "../../../etc"), file("a/l/f", b"1")],
        {"a": "dir", "a/l": "-> ../../../etc", "etc": "dir", "etc/f": "1"},
    ),
    "links lead on to links": (
        [symlink("a", "b"), symlink("b", "c/d"), symlink("c", "e"), file("a/f", b"1")],
        {"a": "-> b", "b": "-> c/d", "c": "-> e", "e": "dir", "e/d": "dir", "e/d/f": "1"},
    ),
    "a directory over a link replaces it": (
        [symlink("l", "etc"), file("l/f", b"1"), dir_("l"), file("l/g", b"2")],
        {"l": "dir", "l/g": "2", "etc": "dir", "etc/f": "1"},
    ),
    "what is below a circle of links is left out": (
        [symlink("a", "b"), symlink("b", "a"), file("a/f", b"1"), file("g", b"2")],
        {"a": "-> b", "b": "-> a", "g": "2"},
    ),
    "what is below an empty link is left out": ([symlink("a", ""), file("a/f", b"1")], {"a": "-> "}),
    "what is below an endless link is left out": (
        [symlink("a", "x/" * 5000), file("a/f", b"1")],
        {"a": "-> " + "x/" * 5000},
    ),
    "names that are none are left out": (
        [file("", b"1"), file("a\0b", b"2"), file(".", b"3"), file("/", b"4"), file("x")],
        {"x": ""},
    ),
}


@pytest.mark.parametrize(("items", "tree"), TREES.values(), ids=TREES)
def test_a_layer_looks_as_if_unpacked(items: list[Item], tree: dict[str, str]) -> None:
    assert listed(layer(*items)) == tree


HARD_LINKS: dict[str, list[Item]] = {
    "earlier": [file("t", b"1"), hardlink("l", "t")],
    "later": [hardlink("l", "t"), file("t", b"1")],
    "dot": [file("t", b"1"), hardlink("l", "./t")],
    "absolute": [file("t", b"1"), hardlink("l", "/t")],
    "climbing": [file("t", b"1"), hardlink("l", "../../t")],
    "chain": [hardlink("l", "m"), hardlink("m", "n"), file("t", b"1"), hardlink("n", "t")],
    "chain, other way": [file("t", b"1"), hardlink("n", "t"), hardlink("m", "n"), hardlink("l", "m")],
    "through a link": [symlink("d", "e"), file("e/t", b"1"), hardlink("l", "d/t")],
}


@pytest.mark.parametrize("items", HARD_LINKS.values(), ids=HARD_LINKS)
def test_a_hard_link_is_its_target(items: list[Item]) -> None:
    tree = layer(*items)
    target = "e/t" if any(item[0].name == "e/t" for item in items) else "t"
    link: Any = tree.lookup("l")
    node: Any = walk(tree, target.split("/"))
    assert content(link) == b"1"
    assert link.entry.kind is Kind.REG
    assert link.content_id == node.content_id


def test_a_hard_link_keeps_what_it_was_made_to_when_its_target_comes_again() -> None:
    tree: Any = layer(file("t", b"0"), hardlink("l", "t"), hardlink("m", "l"), file("t", b"1"), hardlink("n", "t"))
    assert [content(tree.lookup(name)) for name in "tlmn"] == [b"1", b"0", b"0", b"1"]


def test_a_hard_link_to_a_symlink_is_that_symlink() -> None:
    node = layer(symlink("s", "nowhere"), hardlink("l", "s")).lookup("l")
    assert (node.entry.kind, node.entry.link_name) == (Kind.SYMLINK, "nowhere")


def test_a_hard_link_to_an_empty_file_is_an_empty_file() -> None:
    tree = layer(file("t"), hardlink("l", "t"))
    assert content(tree.lookup("l")) == b""
    assert tree.lookup("l").entry.kind is Kind.REG


NOT_RESOLVED: dict[str, list[Item]] = {
    "missing": [hardlink("l", "t")],
    "itself": [hardlink("l", "l")],
    "circle": [hardlink("l", "m"), hardlink("m", "n"), hardlink("n", "l")],
    "into a circle": [hardlink("l", "m"), hardlink("m", "m")],
    "directory": [dir_("t"), hardlink("l", "t")],
    "root": [hardlink("l", "/")],
    "empty": [hardlink("l", "")],
    "below a file": [file("t"), hardlink("l", "t/x")],
}


@pytest.mark.parametrize("items", NOT_RESOLVED.values(), ids=NOT_RESOLVED)
def test_a_hard_link_that_leads_to_no_file_stays_a_link(items: list[Item]) -> None:
    node = layer(*items).lookup("l")
    assert node.entry.kind is Kind.HARDLINK
    assert not hasattr(node, "open")


def test_only_missing_targets_are_looked_for_in_lower_layers() -> None:
    tree = layer(hardlink("a", "./x/../t"), hardlink("b", "a"), hardlink("loop", "loop"), dir_("d"), hardlink("e", "d"))
    assert list(tree.unresolved_links().values()) == [("t",), ("t",)]


def test_a_long_chain_of_hard_links_is_resolved_without_recursion() -> None:
    count = 20 * sys.getrecursionlimit()
    tree = layer(*(hardlink(f"{i}", f"{i + 1}") for i in range(count)), file(f"{count}", b"end"))
    assert content(tree.lookup("0")) == b"end"


def test_content_ids_are_digests_where_known_else_layer_and_position() -> None:
    known = file("known", b"1")
    known = replace(known[0], digest=digest_of(b"1")), b"1"
    children: Any = layer(dir_("d"), known, file("unknown", b"2"), layer_id="sha256:ab").children()
    assert children["known"].content_id == str(digest_of(b"1"))
    assert children["unknown"].content_id == "sha256:ab.2"


def test_each_duplicate_has_its_own_content() -> None:
    assert content(layer(file("a", b"first"), file("a", b"2")).lookup("a")) == b"2"


def test_the_roots_own_entry_gives_its_metadata_and_no_child() -> None:
    tree = layer(dir_("./", mode=0o700), file("./x"))
    assert (tree.entry.mode, tree.entry.implied) == (0o700, False)
    assert list(tree.children()) == ["x"]


def test_an_implied_directory_says_so() -> None:
    entry = layer(file("a/b")).lookup("a").entry
    assert (entry.implied, entry.mode, entry.uid, entry.mtime) == (True, 0o755, 0, None)


def test_a_later_entry_fills_in_an_implied_directory() -> None:
    entry = layer(file("a/b"), dir_("a", mode=0o711)).lookup("a").entry
    assert (entry.implied, entry.mode) == (False, 0o711)


def test_children_stand_in_the_order_of_their_bytes() -> None:
    assert list(layer(file("b"), file("é"), file("B"), file("a")).children()) == ["B", "a", "b", "é"]


def test_names_that_differ_in_surrogates_only_stay_two() -> None:
    tree = layer(file("\udcc3\udca9", b"bytes"), file("é", b"text"))
    assert content(tree.lookup("é")) == b"text"
    assert content(tree.lookup("\udcc3\udca9")) == b"bytes"


def test_names_that_differ_in_case_or_unicode_form_only_stay_two() -> None:
    items = {"a": b"1", "A": b"2", "\u00e9": b"3", "e\u0301": b"4"}
    tree = layer(*(file(name, data) for name, data in items.items()))
    assert {name: content(node) for name, node in tree.children().items()} == items


def test_a_big_directory_finds_every_name() -> None:
    tree = layer(*(file(f"n{i}", b"%d" % i) for i in range(3000)))
    assert all(content(tree.lookup(f"n{i}")) == b"%d" % i for i in range(3000))
    assert len(tree.children()) == 3000
    with pytest.raises(NotFound):
        tree.lookup("n3000")


def test_a_missing_name_is_not_found() -> None:
    with pytest.raises(NotFound, match="layer l1: no 'x'"):
        layer(file("y"), layer_id="l1").lookup("x")


def test_entries_below_too_many_directories_are_left_out() -> None:
    tree = layer(file("d/" * 199 + "f", b"1"), file("d/" * 200 + "g", b"2"), file("e/" * 200 + "g", b"3"))
    assert [path for path, what in listed(tree).items() if what != "dir"] == ["d/" * 199 + "f"]
    assert "e" not in tree.children()


def test_links_do_not_help_to_get_deeper() -> None:
    tree = layer(symlink("l", "d/" * 150), file("l/" + "d/" * 150 + "f", b"1"))
    assert "1" not in listed(tree).values()


@pytest.mark.parametrize("listed_first", [[], [dir_("l/x")]], ids=["implied", "listed"])
def test_the_deepest_directory_that_a_link_leads_to_stays_empty(listed_first: list[Item]) -> None:
    tree = layer(symlink("l", "d/" * 199), file("d/" * 199 + "f", b"1"), *listed_first, file("l/x/f", b"2"))
    assert [what for what in listed(tree).values() if what in ("1", "2")] == ["1"]


def test_what_is_left_out_is_logged_once_with_a_count(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        layer(*(file("a\0b") for _ in range(5)), layer_id="l7")
    assert [record.getMessage() for record in caplog.records] == [
        "layer l7: 5 entries left out: no name for it, first 'a\\x00b'"
    ]


def test_directory_and_file_in_turn_at_one_path_cost_linear_time() -> None:
    items = [item for i in range(20_000) for item in (file("x/y/z", b"%d" % i), file("x"))]
    assert listed(layer(*items, file("x/end"))) == {"x": "dir", "x/end": ""}


def test_implied_directories_come_with_those_above_them() -> None:
    tree = layer(dir_("a"), file("a/b/c"), dir_("d"), file("d/e"))
    assert list(tree.implied_directories()) == [("a",), ("a", "b")]


def test_written_through_sends_a_subtree_where_a_lower_link_leads() -> None:
    tree = layer(file("lib/a", b"1"), file("lib/b/c", b"2"), file("x"))
    assert listed(tree.written_through({("lib",): "usr/lib"})) == {
        "usr": "dir",
        "usr/lib": "dir",
        "usr/lib/a": "1",
        "usr/lib/b": "dir",
        "usr/lib/b/c": "2",
        "x": "",
    }
    assert "lib/a" in listed(tree)


def test_directories_that_no_entry_lists_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crfs_dav.tree.builder.IMPLIED_LIMIT", 10)
    tree = layer(*(file(f"d{i}/f") for i in range(20)), dir_("listed"))
    assert set(tree.children()) == {f"d{i}" for i in range(10)} | {"listed"}
