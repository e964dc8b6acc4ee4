"""Trees that are kept: what comes back is what was built, and nothing else is believed."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from crfs_dav.archive import Outline
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.errors import Corrupt
from crfs_dav.images.trees import TreeStore
from crfs_dav.names import digest_of
from crfs_dav.tree.layer import build_tree
from crfs_dav.tree.overlay import merge
from crfs_dav.tree.skeletonparts import dump_skeleton, load_skeleton
from tests.support.memory_archive import Item, MemoryArchive, dir_, file, hardlink, symlink
from tests.support.trees import layer, listed

LAYER = digest_of(b"layer")
ITEMS: list[Item] = [
    dir_("etc"),
    file("etc/b", b"1"),
    file("etc/a", b"2"),
    file("etc/b", b"3"),
    file("usr/lib/caf\udce9", b"4"),
    symlink("lib", "usr/lib"),
    file("lib/x", b"5"),
    hardlink("same", "etc/a"),
    hardlink("below", "base/caf\udce9"),
    hardlink("circle", "circle"),
]
BASE = [file("base/caf\udce9", b"of the base")]


class KnownArchive(MemoryArchive):
    """One whose outline something vouches for; it may be looked at `looks` times."""

    def __init__(self, items: list[Item], *, outline_id: str = "test-1.0", looks: int = 1) -> None:
        super().__init__(items)
        self.outline_id = outline_id
        self._looks = looks

    def outline(self) -> Iterator[Outline]:
        self._looks -= 1
        assert self._looks >= 0, "outline: looked at; expected a tree that was kept"
        return super().outline()


def store(folder: Path) -> TreeStore:
    return TreeStore(MappedFiles(folder, 1 << 20))


def test_a_tree_built_once_comes_back_without_a_look_at_the_outline(tmp_path: Path) -> None:
    built = store(tmp_path).tree(LAYER, KnownArchive(ITEMS))
    kept = store(tmp_path).tree(LAYER, KnownArchive(ITEMS, looks=0))

    assert listed(kept) == listed(built) == listed(layer(*ITEMS))
    assert list(kept.implied_directories()) == list(built.implied_directories())
    assert kept.unresolved_links() == built.unresolved_links()


def test_a_kept_tree_lies_on_lower_layers_like_a_built_one(tmp_path: Path) -> None:
    store(tmp_path).tree(LAYER, KnownArchive(ITEMS))
    kept = store(tmp_path).tree(LAYER, KnownArchive(ITEMS, looks=0))
    base = layer(*BASE)

    assert listed(merge([base, kept])) == listed(merge([base, layer(*ITEMS)]))


def test_no_entries_are_a_tree_too(tmp_path: Path) -> None:
    store(tmp_path).tree(LAYER, KnownArchive([]))

    assert store(tmp_path).tree(LAYER, KnownArchive([], looks=0)).children() == {}


def test_an_outline_that_nothing_vouches_for_is_not_kept(tmp_path: Path) -> None:
    store(tmp_path).tree(LAYER, KnownArchive(ITEMS, outline_id=""))
    store(tmp_path).tree(LAYER, MemoryArchive(ITEMS))

    assert list(tmp_path.rglob("*")) == []


def test_another_outline_of_the_same_layer_has_another_tree(tmp_path: Path) -> None:
    store(tmp_path).tree(LAYER, KnownArchive(ITEMS))

    assert list(store(tmp_path).tree(LAYER, KnownArchive(BASE, outline_id="test-1.1")).children()) == ["base"]


@pytest.mark.parametrize("keep", [0, 1, 20, 200, 600])
def test_a_tree_that_broke_is_built_again(keep: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store(tmp_path).tree(LAYER, KnownArchive(ITEMS))
    [path] = tmp_path.rglob("tree-*")
    sound = path.read_bytes()
    path.write_bytes(sound[:keep] + bytes([sound[keep] ^ 1]) + sound[keep + 1 :])

    with caplog.at_level(logging.WARNING):
        again = store(tmp_path).tree(LAYER, KnownArchive(ITEMS))

    assert listed(again) == listed(layer(*ITEMS))
    assert "building it again" in caplog.text
    assert path.read_bytes() == sound


SPOILED: dict[str, tuple[str, int, int]] = {
    "a row that is not there": ("order", 0, 99),
    "an implied row that is not there": ("implied", 0, 99),
    "an unresolved row that is not there": ("unresolved", 0, 99),
    "an entry that is not there": ("positions", 1, 99),
    "a negative entry": ("positions", 1, -2),
    "a parent after its child": ("parents", 1, 5),
    "a root in something": ("parents", 0, 1),
    "names that end elsewhere": ("ends", -1, 1),
    "targets that end elsewhere": ("target_ends", -1, 1),
}


@pytest.mark.parametrize(("name", "index", "value"), SPOILED.values(), ids=SPOILED)
def test_parts_that_do_not_fit_together_are_corrupt(name: str, index: int, value: int) -> None:
    parts = dict(dump_skeleton(build_tree(MemoryArchive(ITEMS), "layer").skeleton))
    spoiled = array(parts[name].format, parts[name].tolist())
    spoiled[index] = value

    with pytest.raises(Corrupt):
        load_skeleton({**parts, name: memoryview(spoiled)}, len(ITEMS))


def test_columns_of_different_sizes_are_corrupt() -> None:
    parts = dict(dump_skeleton(build_tree(MemoryArchive(ITEMS), "layer").skeleton))

    with pytest.raises(Corrupt, match="of other sizes"):
        load_skeleton({**parts, "counts": parts["counts"][:-1]}, len(ITEMS))
