from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest

from crfs_dav.dav.application import create_dav_app
from crfs_dav.dav.names import quote
from tests.dav.conftest import Serve
from tests.support.dav import FINDER_BODY, HREF, DavClient, parse_multistatus, webdavfs_listing
from tests.support.dav_tree import HTTP_MTIME, ODD_NAMES, TreeFile, directory, odd_directory

EVERYTHING = b'<propfind xmlns="DAV:"><propname/></propfind>'


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory({"odd": odd_directory(), "odd dir|ü": directory(file=TreeFile(b""), inner=directory())}))


@pytest.mark.parametrize("body", [b"", FINDER_BODY, EVERYTHING], ids=["allprop", "finder", "propname"])
def test_whatever_the_names_a_listing_is_well_formed_and_complete(client: DavClient, body: bytes) -> None:
    hrefs = [each.href for each in client.responses("/odd/", body, depth="1")]

    names = [unquote_to_bytes(href).removeprefix(b"/odd/") for href in hrefs[1:]]
    assert names == [name.encode("utf-8", "surrogateescape") for name in ODD_NAMES]
    assert all(map(HREF.fullmatch, hrefs))


@pytest.mark.parametrize("asked", ["/odd%20dir%7C%C3%BC", "/odd%20dir%7C%C3%BC/"])
def test_a_collection_has_a_trailing_slash_however_it_was_asked_for(client: DavClient, asked: str) -> None:
    hrefs = [each.href for each in client.responses(asked, depth="1")]

    base = "/odd%20dir%7C%C3%BC/"
    assert hrefs == [base, f"{base}file", f"{base}inner/"]


def test_no_answer_holds_an_entity_in_an_href(client: DavClient) -> None:
    body = client.propfind("/odd/", depth="1").body

    assert b"&amp;" not in body
    assert body.isascii()


@pytest.mark.parametrize("body", [b"", FINDER_BODY, EVERYTHING], ids=["allprop", "finder", "propname"])
@pytest.mark.parametrize("path", ["/odd/", "/odd%20dir%7C%C3%BC/", "/"])
def test_webdavfs_sees_exactly_the_members(client: DavClient, path: str, body: bytes) -> None:
    answer = client.propfind(path, body, depth="1").body
    seen = webdavfs_listing(answer, path)

    assert list(seen) == [
        unquote_to_bytes(each.href).rstrip(b"/").rpartition(b"/")[2] for each in parse_multistatus(answer)[1:]
    ]


def test_webdavfs_gets_size_times_and_type_of_each_member(client: DavClient) -> None:
    files = webdavfs_listing(client.propfind("/odd/", FINDER_BODY, depth="1").body, "/odd/")
    directories = webdavfs_listing(client.propfind("/", FINDER_BODY, depth="1").body, "/")

    assert len(files) == len(ODD_NAMES)
    for name, entry in files.items():
        assert entry.values == {
            "getlastmodified": HTTP_MTIME,
            "getcontentlength": str(len(name)),
            "creationdate": "2024-05-06T07:08:09Z",
        }
        assert not entry.is_collection
    assert [entry.is_collection for entry in directories.values()] == [True, True]


@pytest.mark.parametrize("path", ["/", "/odd", "/odd%20dir%7C%C3%BC", "/odd%20dir%7C%C3%BC/inner", "/odd/plain.txt"])
@pytest.mark.parametrize("depth", ["0", "1"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_prefix_answers_without_a_redirect(client: DavClient, path: str, depth: str, slash: str) -> None:
    assert client.propfind(path.rstrip("/") + slash or "/", depth=depth).status == 207


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/a:b", "/a:b/"),
        ("/a:b/", "/a:b/"),
        ("/%61%3Ab", "/%61%3Ab/"),
        ("/a:b/?x", "/a:b/"),
        ("/a%26b", "/a%26b/"),
        ("/a&b", "/a%26b/"),
    ],
)
def test_cadaver_finds_its_own_spelling_of_the_path_again(serve: Serve, asked: str, answered: str) -> None:
    tree = directory({name: directory(file=TreeFile(b"")) for name in ("a:b", "a&b")})
    body = serve(tree).propfind(asked, depth="1").body

    assert re.findall(b"<D:href>(.*?)</D:href>", body) == [answered.encode(), f"{answered}file".encode()]


def test_hrefs_stay_below_the_mount_point_of_the_application() -> None:
    app = create_dav_app(directory(dir=directory(file=TreeFile(b""))))
    environ = {
        "REQUEST_METHOD": "PROPFIND",
        "SCRIPT_NAME": "/m p",
        "PATH_INFO": "/dir/",
        "HTTP_DEPTH": "1",
    }
    body = b"".join(app(environ, lambda status, headers, exc_info=None: bytearray().extend))

    assert [each.href for each in parse_multistatus(body)] == ["/m%20p/dir/", "/m%20p/dir/file"]
    assert quote("m p") in body.decode()


@pytest.mark.parametrize("asked", ["/a:b", "/a%3Ab", "/%61:b/"])
def test_hrefs_begin_as_the_client_spelled_its_request(serve: Serve, asked: str) -> None:
    client = serve(directory({"a:b": directory({"c:d": TreeFile(b"")})}))

    hrefs = [each.href for each in client.responses(asked, depth="1")]

    assert hrefs == [f"{asked.rstrip('/')}/", f"{asked.rstrip('/')}/c%3Ad"]


@pytest.mark.parametrize("asked", ["/a[b", "/a|b", "/a&b"])
def test_a_spelling_that_is_not_clean_is_not_repeated(serve: Serve, asked: str) -> None:
    name = asked.removeprefix("/")
    client = serve(directory({name: directory()}))

    assert HREF.fullmatch(client.responses(asked)[0].href)
