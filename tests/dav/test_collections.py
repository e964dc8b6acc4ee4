from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from lxml import etree, html

from crfs_dav.dav.browser import human_size
from crfs_dav.dav.names import quote
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import ODD_NAMES, TreeFile, directory, odd_directory


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


def test_every_link_of_a_page_leads_to_what_it_names(client: DavClient) -> None:
    document = html.fromstring(client.get("/odd/").body.decode())
    links = {link.get("href"): link.text_content() for link in document.iterfind(".//tbody//a")}

    assert links.pop("../") == "../"
    assert {unquote_to_bytes(href) for href in links} == {unquote_to_bytes(quote(name)) for name in ODD_NAMES}
    for href in links:
        assert client.get(urljoin("/odd/", href)).status == 200, href


def test_no_name_becomes_markup(client: DavClient) -> None:
    body = client.get("/odd/").body

    assert b"<script" not in body
    assert b"&lt;script&gt;alert(1)" in body
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", body)
    etree.fromstring(
        body.removeprefix(b"<!DOCTYPE html>\n")
        .replace(b'<meta charset="utf-8">', b"")
        .replace(b'<meta name="viewport" content="width=device-width, initial-scale=1">', b"")
    )


def test_directories_come_first_then_names_in_order(client: DavClient) -> None:
    document = html.fromstring(client.get("/dir/inner/").body.decode())
    rows = [[cell.text_content() for cell in row] for row in document.iterfind(".//tbody/tr")]

    assert rows == [
        ["../", "", ""],
        ["apple/", "", "2024-05-06 07:08"],
        ["mango", "0 B", "2024-05-06 07:08"],
        ["zebra", "1.5 KiB", "2024-05-06 07:08"],
    ]


def test_breadcrumbs_lead_to_each_level(client: DavClient) -> None:
    document = html.fromstring(client.get("/dir/inner/").body.decode())
    crumbs = [(link.text, urljoin("/dir/inner/", link.get("href"))) for link in document.iterfind(".//nav//a")]
    names = [unescape("".join(link.itertext())) for link in document.iterfind(".//nav//a")]

    assert [path for _, path in crumbs] == ["/", "/dir/", "/dir/inner/"]
    assert names == ["crfs-dav", "dir", "inner"]


def test_nothing_on_a_page_may_run_or_load(client: DavClient) -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    assert not re.search(rb"<script|<img|<link| style=| on[a-z]+=", answer.body)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        ((1 << 30) - 1, "1024.0 MiB"),
        (5 << 40, "5.0 TiB"),
        (1 << 80, "1048576.0 EiB"),
    ],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert human_size(size) == text
