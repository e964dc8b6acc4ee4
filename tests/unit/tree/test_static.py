from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crfs_dav.archive import Kind
from crfs_dav.errors import NotFound
from crfs_dav.names import digest_of
from crfs_dav.tree.node import is_directory, walk
from crfs_dav.tree.static import StaticDirectory, StaticFile

MTIME = datetime(2020, 2, 3, tzinfo=UTC)


def test_a_static_file_says_its_size_time_and_digest() -> None:
    file = StaticFile(b"hello", mtime=MTIME)
    assert (file.entry.kind, file.entry.size, file.entry.mtime, file.entry.mode) == (Kind.REG, 5, MTIME, 0o644)
    assert file.content_id == str(digest_of(b"hello"))
    assert file.open().read_at(0, 100) == b"hello"


def test_a_static_directory_is_walked_by_name() -> None:
    file = StaticFile(b"")
    root = StaticDirectory({"a": StaticDirectory({"b": file})}, mtime=MTIME)
    assert is_directory(root)
    assert root.entry.mtime == MTIME
    assert walk(root, ["a", "b"]) is file


def test_a_static_directory_keeps_the_order_it_was_given() -> None:
    root = StaticDirectory({"b": StaticFile(b""), "a": StaticFile(b"")})
    assert list(root.children()) == ["b", "a"]


def test_a_static_directory_does_not_follow_later_changes_of_its_dict() -> None:
    children = {"a": StaticFile(b"")}
    root = StaticDirectory(children)
    children["b"] = StaticFile(b"")
    assert list(root.children()) == ["a"]


def test_a_name_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"directory: no 'x'; expected one of its 0 names"):
        StaticDirectory({}).lookup("x")
