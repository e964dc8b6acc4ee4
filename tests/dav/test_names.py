from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.dav.names import Path, find, href, parse_path, quote
from crfs_dav.errors import NotFound
from crfs_dav.tree.static import StaticDirectory
from tests.dav.conftest import Serve
from tests.support.dav import HREF, DavClient
from tests.support.dav_tree import ODD_NAMES, TreeFile, UnlistedDirectory, directory

NFC, NFD = "ü", "u\u0308"


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("plain-1.2_3~x", "plain-1.2_3~x"),
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("libc6:amd64.list", "libc6%3Aamd64.list"),
        ("a&b", "a%26b"),
        ("a|b", "a%7Cb"),
        ("100%", "100%25"),
        ("a/b", "a%2Fb"),
        ("ü", "%C3%BC"),
        ("\udcff", "%FF"),
        ("\n", "%0A"),
    ],
)
def test_a_name_is_quoted_by_its_bytes(name: str, segment: str) -> None:
    assert quote(name) == segment


@pytest.mark.parametrize(
    ("path_info", "path"),
    [
        ("/", Path((), True)),
        ("", Path((), True)),
        ("/a", Path(("a",), False)),
        ("/a/", Path(("a",), True)),
        ("/a/b c", Path(("a", "b c"), False)),
        ("/\xc3\xbc", Path(("ü",), False)),
        ("/\xff", Path(("\udcff",), False)),
        ("/a%2Fb", Path(("a%2Fb",), False)),
        ("/...", Path(("...",), False)),
    ],
)
def test_a_path_is_names_from_the_root_down(path_info: str, path: Path) -> None:
    assert parse_path(path_info) == path


@pytest.mark.parametrize(
    "path_info", ["//", "//a", "/a//b", "/a//", "/.", "/..", "/a/../b", "/a/./b", "/\0", "/ü\u1234"]
)
def test_a_path_that_no_tree_holds_is_not_found(path_info: str) -> None:
    with pytest.raises(NotFound, match=r"^path: .*; expected "):
        parse_path(path_info)


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=4))
def test_any_bytes_survive_the_way_through_an_href(names: list[bytes]) -> None:
    wanted = tuple(name.replace(b"/", b"_").replace(b"\0", b"_").decode("utf-8", "surrogateescape") for name in names)
    if {".", ".."} & set(wanted):
        return
    path = href("", wanted)
    raw = b"".join(b"/" + name.encode("utf-8", "surrogateescape") for name in wanted)

    assert HREF.fullmatch(path)
    assert parse_path(raw.decode("latin-1")).names == wanted


@pytest.mark.parametrize(
    ("mount", "wanted"), [("", "/a"), ("/", "/a"), ("/dav", "/dav/a"), ("/d v/\xc3\xbc", "/d%20v/%C3%BC/a")]
)
def test_an_href_begins_with_the_mount_point(mount: str, wanted: str) -> None:
    assert href(mount, ["a"]) == wanted


@pytest.mark.parametrize(("stored", "asked"), [(NFC, NFD), (NFD, NFC), (NFC, NFC), (NFD, NFD)])
def test_a_name_is_found_in_either_unicode_form(stored: str, asked: str) -> None:
    file = TreeFile(b"")
    root = StaticDirectory({stored: StaticDirectory({stored: file})})

    assert find(root, [asked, asked]) is file


def test_of_two_unicode_forms_the_exact_one_wins() -> None:
    composed, decomposed = TreeFile(b"c"), TreeFile(b"d")
    root = StaticDirectory({NFC: composed, NFD: decomposed})

    assert find(root, [NFC]) is composed
    assert find(root, [NFD]) is decomposed


def test_case_is_never_folded() -> None:
    with pytest.raises(NotFound):
        find(StaticDirectory({"foo": TreeFile(b"")}), ["FOO"])


def test_below_a_file_there_is_nothing() -> None:
    with pytest.raises(NotFound, match="below a file"):
        find(StaticDirectory({"file": TreeFile(b"")}), ["file", "x"])


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    files = {name: TreeFile(name.encode("utf-8", "surrogateescape")) for name in (*ODD_NAMES, "%2F", "a%2Fb")}
    unlisted = UnlistedDirectory({"secret": TreeFile(b"found")})
    return serve(StaticDirectory({**files, NFC: directory({NFC: TreeFile(b"umlaut")}), "unlisted": unlisted}))


def test_every_odd_name_is_served_under_its_own_bytes(client: DavClient) -> None:
    for name in (*ODD_NAMES, "%2F", "a%2Fb"):
        answer = client.get("/" + quote(name))

        assert (answer.status, answer.body) == (200, name.encode("utf-8", "surrogateescape")), name


@pytest.mark.parametrize(
    "path", ["/..", "/../etc/passwd", "/%2e%2e/x", "/a/../plain.txt", "/./plain.txt", "/%00", "/plain.txt%00", "/a//b"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PROPFIND"])
def test_a_path_that_climbs_or_hides_is_404(client: DavClient, path: str, method: str) -> None:
    assert client.request(method, path, headers={"Depth": "0"}).status == 404


def test_an_encoded_slash_separates_nothing(client: DavClient) -> None:
    assert client.get(f"/{quote(NFC)}%2F{quote(NFC)}").status == 404


def test_finder_finds_composed_names_by_decomposed_ones(client: DavClient) -> None:
    (response,) = client.responses("/u%CC%88/u%CC%88")

    assert response.href == "/u%CC%88/u%CC%88", "the answer stays in the path space of the question"
    assert client.get("/u%CC%88/u%CC%88").body == b"umlaut"


def test_what_no_listing_shows_is_found_by_name(client: DavClient) -> None:
    assert client.get("/unlisted/secret").body == b"found"
    assert len(client.responses("/unlisted/", depth="1")) == 1
