"""The rig's own eyes: what a client must see, and which differences count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.expected import DIRECTORY, Facts, differences, expected_view, part_of, walk_disk

FILE = Facts(is_directory=False, size=3, sha256="ab", mtime=7, executable=False)


@pytest.mark.parametrize(
    ("target", "size"),
    [
        ("nowhere", 7),
        ("link", 4),
        (".", 1),
        ("..", 2),
        ("/", 1),
        ("a/file", 5),
        ("/a/file", 5),
        ("../../../a/file", 5),
        ("file/deeper", 11),
    ],
)
def test_link_to_a_file_has_its_size_and_any_other_its_targets_text(tmp_path: Path, target: str, size: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("12345")
    (tmp_path / "link").symlink_to(target)
    assert expected_view(tmp_path)["link"].size == size


def test_link_to_a_directory_shows_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("/a")
    assert set(expected_view(tmp_path)) == {"a", "a/b", "link", "link/b"}


def test_links_between_directories_end_where_the_way_closes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/to-b").symlink_to("../b")
    (tmp_path / "b/to-a").symlink_to("../a")
    view = expected_view(tmp_path)
    assert view["a/to-b"] == DIRECTORY
    assert view["a/to-b/to-a"].size == len("../a")
    assert set(view) == {"a", "a/to-b", "a/to-b/to-a", "b", "b/to-a", "b/to-a/to-b"}


def test_copy_of_a_tree_without_links_is_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/tool").write_text("run")
    (tmp_path / "a/tool").chmod(0o755)
    assert differences(expected_view(tmp_path), walk_disk(tmp_path)) == []


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"x": DIRECTORY},
        {"x": FILE, "y": FILE},
        {"x": replace(FILE, size=4)},
        {"x": replace(FILE, sha256="cd")},
        {"x": replace(FILE, mtime=8)},
        {"x": replace(FILE, executable=True)},
    ],
)
def test_every_known_difference_is_named(seen: dict[str, Facts]) -> None:
    assert len(differences({"x": FILE}, seen)) == 1


def test_what_a_protocol_does_not_carry_is_no_difference() -> None:
    assert differences({"x": FILE}, {"x": replace(FILE, mtime=None, executable=None)}) == []


def test_part_of_a_view_has_paths_of_its_own() -> None:
    assert part_of({"a": DIRECTORY, "a/x": FILE, "ab": FILE}, "a") == {"x": FILE}
