from __future__ import annotations

import pytest

from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import FailingFile, TreeFile, directory, not_there

HELLO = TreeFile(b"hello")


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory(file=HELLO, broken=FailingFile(b"x", not_there()), empty=TreeFile(b""), dir=directory()))


@pytest.mark.parametrize("path", ["/", "/dir/", "/file", "/empty", "/missing"])
def test_head_equals_get_in_status_and_all_headers(client: DavClient, path: str) -> None:
    head, get = client.head(path), client.get(path)

    assert head.body == b""
    assert (head.status, _steady(head.headers)) == (get.status, _steady(get.headers))


def test_head_of_a_collection_is_no_redirect(client: DavClient) -> None:
    assert (client.head("/dir").status, client.get("/dir").status) == (200, 301)


@pytest.mark.parametrize(
    "headers", [{"If_None_Match": "*"}, {"If_Match": '"other"'}, {"If_Modified_Since": "Tue, 01 Jan 2030 00:00:00 GMT"}]
)
def test_head_equals_get_under_conditions(client: DavClient, headers: dict[str, str]) -> None:
    head, get = client.head("/file", **headers), client.get("/file", **headers)

    assert head.status in (304, 412)
    assert (head.status, _steady(head.headers)) == (get.status, _steady(get.headers))


def test_head_reads_no_content(client: DavClient) -> None:
    HELLO.reads.clear()

    assert client.head("/file").headers["content-length"] == "5"
    assert client.head("/broken").status == 200
    assert HELLO.reads == []


def test_head_knows_no_ranges(client: DavClient) -> None:
    answer = client.head("/file", Range="bytes=0-1")

    assert (answer.status, answer.headers["content-length"]) == (200, "5")


def test_the_connection_goes_on_after_a_head(client: DavClient) -> None:
    received = client.raw(
        b"HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.endswith(b"\r\n\r\nhello")


def _steady(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "date"}
