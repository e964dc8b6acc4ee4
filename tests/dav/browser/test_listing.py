"""A collection as a page: its rows and links, and the way that leads there."""

from __future__ import annotations

from html import unescape
from urllib.parse import unquote_to_bytes, urljoin

import pytest

from crfs_dav.dav.names import quote
from tests.support.dav import DavClient
from tests.support.dav_tree import ODD_NAMES
from tests.support.pages import page, rows


def test_every_link_of_a_listing_leads_to_what_it_names(client: DavClient) -> None:
    document = page(client, "/odd/")
    links = {link.get("href") for link in document.iterfind(".//tbody//a")} - {"../"}
    previews = {href.removesuffix("?preview") for href in links if href.endswith("?preview")}
    downloads = {href.removesuffix("?download") for href in links if href.endswith("?download")}

    assert previews == downloads
    assert {unquote_to_bytes(href) for href in previews} == {unquote_to_bytes(quote(name)) for name in ODD_NAMES}
    for href in links:
        assert client.get(urljoin("/odd/", href)).status == 200, href


def test_directories_come_first_then_names_in_order(client: DavClient) -> None:
    assert rows(page(client, "/dir/inner/")) == [
        ["../", "", "", "", ""],
        ["apple/", "", "2024-05-06 07:08", "0755", ""],
        ["mango", "0 B", "2024-05-06 07:08", "0644", ""],
        ["zebra", "1.5 KiB", "2024-05-06 07:08", "0644", ""],
    ]


def test_numbers_in_names_are_counted(client: DavClient) -> None:
    assert [row[0] for row in rows(page(client, "/counted/"))] == ["../", "9/", "10/", "v1.9/", "v1.10/"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tool", "program"),
        ("alias", "link to a file"),
        ("broken", "link that leads nowhere"),
        ("null", "character device"),
        ("timeless", "file"),
    ],
)
def test_a_kind_is_said_in_words_too(client: DavClient, name: str, kind: str) -> None:
    (link,) = page(client, "/kinds/").xpath(f"//a[@href='{name}?preview']")

    assert [drawing.get("aria-label") for drawing in link.iterfind("svg")] == [kind]


def test_a_link_shows_its_target(client: DavClient) -> None:
    assert next(row for row in rows(page(client, "/kinds/")) if "alias" in row[0])[0] == "alias→ ../<target>"


def test_a_time_that_is_not_known_is_left_empty(client: DavClient) -> None:
    assert next(row for row in rows(page(client, "/kinds/")) if row[0] == "timeless")[2] == ""


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("/", ["/"]),
        ("/dir/inner/", ["/", "/dir/", "/dir/inner/"]),
        ("/dir/inner/mango?preview", ["/", "/dir/", "/dir/inner/", "/dir/inner/mango?preview"]),
    ],
)
def test_breadcrumbs_lead_to_each_level(client: DavClient, path: str, steps: list[str]) -> None:
    links = page(client, path).findall(".//nav//a")

    assert [urljoin(path, link.get("href")) for link in links] == steps
    assert unescape("".join(links[0].itertext())) == "crfs-dav"
