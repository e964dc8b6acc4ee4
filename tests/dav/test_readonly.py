from __future__ import annotations

import pytest

from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import TreeFile, directory

LOCK_BODY = b'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope></D:lockinfo>'
GET_AND_CLOSE = b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory(file=TreeFile(b"content"), dir=directory()))


METHODS = [
    "PUT",
    "DELETE",
    "MKCOL",
    "MOVE",
    "COPY",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
    "POST",
    "PATCH",
    "TRACE",
    "SEARCH",
    "BREW",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/", "/file", "/dir/", "/new"])
def test_what_writes_or_is_unknown_is_405_and_says_what_is_allowed(client: DavClient, method: str, path: str) -> None:
    answer = client.request(method, path, headers={"Destination": "/other", "Depth": "0"}, body=b"body")

    assert (answer.status, answer.headers["allow"]) == (405, "OPTIONS, HEAD, GET, PROPFIND")
    assert "www-authenticate" not in answer.headers
    assert len(answer.body) < 200


@pytest.mark.parametrize("method", [b"LOCK", b"PUT", b"PROPPATCH", b"GET", b"HEAD", b"OPTIONS", b"DELETE"])
def test_a_body_that_nobody_wants_is_read_and_the_connection_goes_on(client: DavClient, method: bytes) -> None:
    request = b"%s /file HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (method, len(LOCK_BODY), LOCK_BODY)
    received = client.raw(request, GET_AND_CLOSE)

    assert received.count(b"HTTP/1.1 ") == 2
    assert received.endswith(b"\r\n\r\ncontent")


def test_a_chunked_body_that_nobody_wants_is_read_and_the_connection_goes_on(client: DavClient) -> None:
    chunks = b"5\r\nhello\r\n" * 1000 + b"0\r\n\r\n"
    request = b"PUT /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    received = client.raw(request, GET_AND_CLOSE)

    assert received.startswith(b"HTTP/1.1 405 ")
    assert received.endswith(b"\r\n\r\ncontent")


def test_an_upload_of_megabytes_is_refused_and_the_connection_goes_on(client: DavClient) -> None:
    body = bytes(5 << 20)
    received = client.raw(b"PUT /f HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body), body, GET_AND_CLOSE)

    assert received.startswith(b"HTTP/1.1 405 ")
    assert received.endswith(b"\r\n\r\ncontent")


def test_an_upload_of_gigabytes_is_refused_before_it_comes(client: DavClient) -> None:
    received = client.raw(b"PUT /f HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000000\r\n\r\nbegin")

    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in received
