from __future__ import annotations

import pytest

from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import TreeFile, directory, odd_directory


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    inner = directory(zebra=TreeFile(bytes(1536)), apple=directory(), mango=TreeFile(b""))
    return serve(directory({"dir": directory(inner=inner), "odd": odd_directory(), "a b|ü": directory()}))


@pytest.mark.parametrize(
    ("path", "location"), [("/dir", "/dir/"), ("/dir/inner", "/dir/inner/"), ("/a%20b%7C%C3%BC", "/a%20b%7C%C3%BC/")]
)
def test_a_collection_without_a_slash_moves_to_the_one_with(client: DavClient, path: str, location: str) -> None:
    answer = client.get(path)

    assert (answer.status, answer.headers["location"], answer.body) == (301, location, b"")


@pytest.mark.parametrize("path", ["/", "/dir/", "/dir/inner/", "/odd/", "/a%20b%7C%C3%BC/"])
def test_a_collection_is_a_page_with_a_length(client: DavClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-length"] == str(len(answer.body))
