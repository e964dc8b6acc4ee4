"""Pages for people: what stands on them, where their links lead, and what no name can do to them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from lxml import etree, html

from crfs_dav.archive import Kind
from crfs_dav.dav.browser.preview import PREVIEW_BYTES, text_of
from crfs_dav.dav.browser.texts import human_size, natural_key
from crfs_dav.dav.names import quote
from crfs_dav.errors import AccessDenied, Corrupt, NotFound, Unavailable
from crfs_dav.names import digest_of
from crfs_dav.tree.described import Child, Column, DescribedDirectory, Description, Fact, Table
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import ODD_NAMES, FailingDirectory, TreeFile, directory, odd_directory

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
DESCRIPTION = Description(
    "Image",
    (
        Fact("Size", (1536,)),
        Fact("Created", (datetime(2018, 4, 26, 21, 8, 43, tzinfo=UTC),)),
        Fact("Environment", ("A=<b>", "B=2"), is_code=True),
    ),
    (
        Table(
            "Layers",
            (Column("Layer"), Column("Made by", is_code=True), Column("Digest", is_code=True)),
            ((Child("0", "0"), "RUN <script>", DIGEST), (Child("gone", "1"), None, DIGEST)),
        ),
        Table("Labels", (Column("Name"), Column("Value")), (("a", "1"),), is_aside=True),
    ),
)


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    inner = directory(zebra=TreeFile(bytes(1536)), apple=directory(), mango=TreeFile(b""))
    kinds = directory(
        tool=TreeFile(b"#!/bin/sh\n", mode=0o755),
        alias=TreeFile(b"x", link_name="../<target>"),
        broken=TreeFile(b"nowhere", kind=Kind.SYMLINK, link_name="nowhere"),
        null=TreeFile(b"", kind=Kind.CHAR),
        timeless=TreeFile(b"", mtime=None),
    )
    texts = {
        "text": TreeFile("Grüße\r\n<script>\x1b[0m\n".encode(), digest=digest_of(b"")),
        "binary": TreeFile(b"\x7fELF\0"),
        "latin": TreeFile(b"\xff\xfe\xfd"),
        "long": TreeFile("é".encode() * PREVIEW_BYTES),
        "empty": TreeFile(b""),
        "bom": TreeFile(b"\xef\xbb\xbfbom"),
        'qu"ote\udcff;ü.txt': TreeFile(b"x"),
    }
    image = DescribedDirectory(directory({"0": directory()}), lambda: DESCRIPTION)
    counted = directory({name: directory() for name in ("10", "9", "v1.10", "v1.9")})
    tree = {"dir": directory(inner=inner), "odd": odd_directory(), "kinds": kinds, "texts": directory(texts)}
    return serve(directory({**tree, "image": image, "counted": counted}))


def _page(client: DavClient, path: str, **headers: str) -> html.HtmlElement:
    return html.fromstring(client.get(path, **headers).body.decode())


def _rows(document: html.HtmlElement) -> list[list[str]]:
    rows = document.iterfind(".//section[@id='contents']//tbody/tr")
    return [[cell.text_content() for cell in row] for row in rows]


# Listings


def test_every_link_of_a_listing_leads_to_what_it_names(client: DavClient) -> None:
    document = _page(client, "/odd/")
    links = {link.get("href") for link in document.iterfind(".//tbody//a")} - {"../"}
    previews = {href.removesuffix("?preview") for href in links if href.endswith("?preview")}
    downloads = {href.removesuffix("?download") for href in links if href.endswith("?download")}

    assert previews == downloads
    assert {unquote_to_bytes(href) for href in previews} == {unquote_to_bytes(quote(name)) for name in ODD_NAMES}
    for href in links:
        assert client.get(urljoin("/odd/", href)).status == 200, href


@pytest.mark.parametrize("path", ["/odd/", *(f"/odd/{quote(name)}?preview" for name in ODD_NAMES), "/image/"])
def test_no_name_becomes_markup(client: DavClient, path: str) -> None:
    body = client.get(path).body

    assert b"<script" not in body
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", body)
    for void in (rb'<meta charset="utf-8">', rb'<meta name="viewport"[^>]*>', rb"<link [^>]*>"):
        body = re.sub(void, b"", body)
    etree.fromstring(body.removeprefix(b"<!DOCTYPE html>\n"))


def test_directories_come_first_then_names_in_order(client: DavClient) -> None:
    assert _rows(_page(client, "/dir/inner/")) == [
        ["../", "", "", "", ""],
        ["apple/", "", "2024-05-06 07:08", "0755", ""],
        ["mango", "0 B", "2024-05-06 07:08", "0644", ""],
        ["zebra", "1.5 KiB", "2024-05-06 07:08", "0644", ""],
    ]


def test_numbers_in_names_are_counted(client: DavClient) -> None:
    assert [row[0] for row in _rows(_page(client, "/counted/"))] == ["../", "9/", "10/", "v1.9/", "v1.10/"]


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
    (link,) = _page(client, "/kinds/").xpath(f"//a[@href='{name}?preview']")

    assert [drawing.get("aria-label") for drawing in link.iterfind("svg")] == [kind]


def test_a_link_shows_its_target(client: DavClient) -> None:
    assert next(row for row in _rows(_page(client, "/kinds/")) if "alias" in row[0])[0] == "alias→ ../<target>"


def test_a_time_that_is_not_known_is_left_empty(client: DavClient) -> None:
    assert next(row for row in _rows(_page(client, "/kinds/")) if row[0] == "timeless")[2] == ""


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("/", ["/"]),
        ("/dir/inner/", ["/", "/dir/", "/dir/inner/"]),
        ("/dir/inner/mango?preview", ["/", "/dir/", "/dir/inner/", "/dir/inner/mango?preview"]),
    ],
)
def test_breadcrumbs_lead_to_each_level(client: DavClient, path: str, steps: list[str]) -> None:
    links = _page(client, path).findall(".//nav//a")

    assert [urljoin(path, link.get("href")) for link in links] == steps
    assert unescape("".join(links[0].itertext())) == "crfs-dav"


# Descriptions


def test_a_description_stands_above_the_contents(client: DavClient) -> None:
    document = _page(client, "/image/")
    terms = [term.text for term in document.iterfind(".//dt")]
    values = [[each.text_content() for each in value] for value in document.iterfind(".//dd")]

    assert dict(zip(terms, values, strict=True)) == {
        "Size": ["1.5 KiB"],
        "Created": ["2018-04-26 21:08"],
        "Environment": ["A=<b>", "B=2"],
    }
    assert [each.text for each in document.iterfind(".//summary")] == ["Layers (2)", "Labels (1)"]
    assert [each.get("open") is not None for each in document.iterfind(".//details")] == [True, False]


def test_a_description_leads_down_only_to_what_is_there(client: DavClient) -> None:
    links = _page(client, "/image/").xpath("//details//a/@href")

    assert links == ["0/"]


# The root


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({}, "http://127.0.0.1:{port}/"),
        ({"Host": "files.example:8443"}, "http://files.example:8443/"),
        ({"Host": "files.example", "X_Forwarded_Proto": "https"}, "https://files.example/"),
        ({"Host": "[::1]:80"}, "http://[::1]:80/"),
    ],
)
def test_the_root_says_how_to_mount_the_address_it_was_asked_at(
    client: DavClient, headers: dict[str, str], url: str
) -> None:
    lines = _page(client, "/", **headers).xpath("//code[@class='copy']/text()")

    assert f"sudo mount -t davfs -o ro {url.format(port=client.port)} /mnt" in lines
    assert len(lines) == 6


@pytest.mark.parametrize("host", ['"><script>', "a;reboot", "$(id)", "`id`", "a b", "user@host", ""])
def test_a_host_that_a_shell_could_run_is_shown_to_nobody(client: DavClient, host: str) -> None:
    answer = client.raw(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    assert b"Mount this" not in answer
    assert b"<script" not in answer
    assert host.encode() not in answer or not host


# Files


@pytest.mark.parametrize(
    ("name", "text"), [("text", "Grüße\n<script>\ufffd[0m\n"), ("bom", "bom"), ("long", "é" * (PREVIEW_BYTES // 2))]
)
def test_text_is_previewed_as_text(client: DavClient, name: str, text: str) -> None:
    # lxml keeps the line break after <pre>, which browsers drop
    assert _page(client, f"/texts/{name}?preview").findtext(".//pre") == f"\n{text}"


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("binary", "This is no UTF-8 text"),
        ("latin", "This is no UTF-8 text"),
        ("empty", "This file is empty"),
        ("long", "The first 128.0 KiB of 256.0 KiB"),
    ],
)
def test_a_preview_that_is_not_whole_says_why(client: DavClient, name: str, note: str) -> None:
    assert note in _page(client, f"/texts/{name}?preview").text_content()


def test_a_preview_reads_the_beginning_only(serve: Serve) -> None:
    file = TreeFile(bytes(4 * PREVIEW_BYTES))
    serve(directory(file=file)).get("/file?preview")

    assert file.reads == [(0, PREVIEW_BYTES)]


def test_a_download_is_the_file_under_its_name(client: DavClient) -> None:
    plain, download = client.get("/texts/text"), client.get("/texts/text?download")
    disposition = download.headers.pop("content-disposition")

    assert disposition == "attachment; filename*=UTF-8''text"
    assert (download.body, "content-disposition" in plain.headers) == (plain.body, False)


def test_a_download_of_any_name_has_a_name_that_headers_hold(client: DavClient) -> None:
    name = quote('qu"ote\udcff;ü.txt')

    assert (
        client.get(f"/texts/{name}?download").headers["content-disposition"]
        == "attachment; filename*=UTF-8''qu%22ote%3F%3B%C3%BC.txt"
    )


@pytest.mark.parametrize("path", ["/texts/text?preview", "/texts/text?download", "/image/", "/"])
def test_head_says_what_get_would(client: DavClient, path: str) -> None:
    get, head = client.get(path), client.head(path)
    get.headers.pop("date")
    head.headers.pop("date")

    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


# Errors


@pytest.mark.parametrize(
    ("error", "status", "hint"),
    [
        (NotFound("secret"), 404, "Check the spelling"),
        (AccessDenied("secret"), 403, "credentials"),
        (Unavailable("secret", retry_after_seconds=7), 503, "Reload"),
        (Corrupt("secret"), 502, "log says more"),
        (RuntimeError("secret"), 500, "The server failed"),
    ],
)
def test_a_browser_gets_a_page_for_an_error(serve: Serve, error: Exception, status: int, hint: str) -> None:
    client = serve(directory(dir=FailingDirectory(error)))
    answer = client.get("/dir/x/<script>?preview".replace("<", "%3C").replace(">", "%3E"), Accept=BROWSER)

    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)
    assert answer.headers["vary"] == "Accept"
    text = html.fromstring(answer.body.decode()).text_content()
    assert str(status) in text
    assert hint in text
    assert b"secret" not in answer.body
    assert b"<script" not in answer.body


def test_an_error_page_leads_up_and_home_from_any_depth(client: DavClient) -> None:
    links = _page(client, "/dir/none/deeper", Accept=BROWSER).xpath("//header//nav//a/@href | //main//a/@href")

    assert links == ["/", "/dir/none/"]


@pytest.mark.parametrize("accept", ["", "*/*", "application/xml", "text/plain"])
def test_others_get_a_line_of_text_for_an_error(client: DavClient, accept: str) -> None:
    answer = client.get("/none", Accept=accept)

    assert (answer.status, answer.body) == (404, b"There is nothing here.\n")


def test_a_webdav_method_gets_no_page_whatever_it_accepts(client: DavClient) -> None:
    answer = client.request("PROPFIND", "/none", headers={"Accept": BROWSER, "Depth": "0"})

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


# All pages


@pytest.mark.parametrize("path", ["/", "/dir/", "/image/", "/texts/text?preview", "/none"])
def test_nothing_on_a_page_may_run_or_load(client: DavClient, path: str) -> None:
    answer = client.get(path, Accept=BROWSER)
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    assert not re.search(rb"<script|<img|<iframe| style=| on[a-z]+=|href=.javascript:|url\(", answer.body)
    assert answer.headers["x-content-type-options"] == "nosniff"


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


@pytest.mark.parametrize("names", [["2", "10"], ["a2", "a10"], ["1", "a"], ["x٣", "x٤"], ["9" * 400, "a"]])
def test_names_sort_as_people_count(names: list[str]) -> None:
    shuffled = names[::-1]

    assert sorted(shuffled, key=natural_key) == names


@pytest.mark.parametrize(
    ("data", "is_whole", "text"),
    [
        (b"", True, ""),
        ("é".encode(), True, "é"),
        ("é".encode()[:1], False, ""),
        ("é".encode()[:1], True, None),
        (b"a\0b", True, None),
        (b"\xff", False, None),
    ],
)
def test_text_is_what_utf_8_can_read(data: bytes, is_whole: bool, text: str | None) -> None:
    assert text_of(data, is_whole=is_whole) == text
