"""Answers about directories that never change are rendered once; all others each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from crfs_dav.archive import Entry, Kind
from crfs_dav.tree.node import Node
from crfs_dav.tree.static import StaticFile
from tests.dav.conftest import Serve
from tests.support.dav import FINDER_BODY, DavClient
from tests.support.dav_tree import directory


class Counted:
    """A directory that counts how often it is listed."""

    def __init__(self, names: int, **attributes: Any) -> None:
        self.entry = Entry("", Kind.DIR)
        self.listed = 0
        self._children: dict[str, Node] = {f"{number:04}": StaticFile(b"") for number in range(names)}
        self.__dict__.update(attributes)

    def lookup(self, name: str) -> Node:
        return self._children[name]

    def children(self) -> Mapping[str, Node]:
        self.listed += 1
        return self._children


def client_of(serve: Serve, **directories: Node) -> DavClient:
    return serve(directory(directories))


def test_an_immutable_directory_is_listed_once_for_each_way_of_asking(serve: Serve) -> None:
    counted = Counted(3, tree_id="t")
    client = client_of(serve, d=counted)

    first, second = (client.propfind("/d/", FINDER_BODY, depth="1") for _ in range(2))
    assert (first.body == second.body, first.headers.get("content-type")) == (True, second.headers.get("content-type"))
    assert counted.listed == 1

    assert client.propfind("/d/", depth="1").body != first.body
    assert counted.listed == 2


def test_a_directory_that_may_change_is_listed_each_time(serve: Serve) -> None:
    counted = Counted(3)
    client = client_of(serve, d=counted)
    for _ in range(2):
        client.propfind("/d/", depth="1")

    assert counted.listed == 2


@pytest.mark.parametrize("other", [{"tree_id": "u"}, {"tree_id": "t"}], ids=["another tree", "another path"])
def test_two_directories_are_never_taken_for_each_other(serve: Serve, other: dict[str, str]) -> None:
    client = client_of(serve, d=Counted(1, tree_id="t"), e=Counted(2, **other))

    assert [len(client.responses(path, depth="1")) for path in ("/d/", "/e/", "/d/")] == [2, 3, 2]
