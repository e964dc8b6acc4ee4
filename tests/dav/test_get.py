from __future__ import annotations

from http.client import IncompleteRead

import pytest

from crfs_dav.errors import Corrupt
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import HTTP_MTIME, ODD_NAMES, FailingFile, ShortFile, TreeFile, directory, odd_directory

HELLO_ETAG = f'"{TreeFile(b"hello").content_id}"'
BIG = bytes(range(256)) * 4096 + b"end"


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    files = {"hello.txt": TreeFile(b"hello"), "big": TreeFile(BIG), "empty": TreeFile(b"")}
    return serve(directory(files, odd=odd_directory()))


def test_a_file_comes_whole_with_all_its_headers(client: DavClient) -> None:
    answer = client.get("/hello.txt")

    assert (answer.status, answer.body) == (200, b"hello")
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "server")}
    assert headers == {
        "content-length": "5",
        "content-type": "text/plain; charset=utf-8",
        "accept-ranges": "bytes",
        "cache-control": "max-age=0, must-revalidate",
        "etag": HELLO_ETAG,
        "last-modified": HTTP_MTIME,
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize(("path", "content"), [("/big", BIG), ("/empty", b""), ("/hello.txt/", b"hello")])
def test_content_is_byte_for_byte(client: DavClient, path: str, content: bytes) -> None:
    answer = client.get(path)

    assert (answer.status, answer.headers["content-length"], answer.body) == (200, str(len(content)), content)


def test_the_entity_tag_is_the_content_id_in_quotes(serve: Serve) -> None:
    file = TreeFile(b"x")

    assert serve(directory(file=file)).get("/file").headers["etag"] == f'"{file.content_id}"'


def test_a_file_with_any_name_is_got_by_its_bytes(client: DavClient) -> None:
    for response in client.responses("/odd/", depth="1")[1:]:
        answer = client.get(response.href)

        assert answer.status == 200, response.href
        assert answer.body in {name.encode("utf-8", "surrogateescape") for name in ODD_NAMES}


def test_what_is_asked_for_in_pieces_is_read_in_pieces(serve: Serve) -> None:
    file = TreeFile(bytes(1_000_000))

    assert serve(directory(file=file)).get("/file").body == file.data
    assert len(file.reads) > 2
    assert sum(size for _, size in file.reads) == 1_000_000


def test_content_that_breaks_off_is_never_taken_for_whole(serve: Serve) -> None:
    client = serve(directory(file=FailingFile(bytes(2_000_000), Corrupt("chunk: bad; expected good"), at=1_000_000)))

    with pytest.raises(IncompleteRead) as caught:
        client.get("/file")
    assert 0 < len(caught.value.partial) <= 1_000_000


def test_content_shorter_than_its_size_is_never_taken_for_whole(serve: Serve) -> None:
    client = serve(directory(file=ShortFile(bytes(300_000), size=600_000)))

    with pytest.raises(IncompleteRead):
        client.get("/file")


@pytest.mark.parametrize("path", ["/missing", "/hello.txt/below", "/odd/missing", "/nowhere/at/all"])
def test_what_is_not_there_is_a_short_404(client: DavClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status == 404
    assert 0 < len(answer.body) < 200
