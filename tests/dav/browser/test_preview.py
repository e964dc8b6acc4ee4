"""A file as a page, and as a download."""

from __future__ import annotations

import pytest

from crfs_dav.dav.browser.preview import PREVIEW_BYTES, text_of
from crfs_dav.dav.names import quote
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import TreeFile, directory
from tests.support.pages import page


@pytest.mark.parametrize(
    ("name", "text"), [("text", "Grüße\n<script>\ufffd[0m\n"), ("bom", "bom"), ("long", "é" * (PREVIEW_BYTES // 2))]
)
def test_text_is_previewed_as_text(client: DavClient, name: str, text: str) -> None:
    # lxml keeps the line break after <pre>, which browsers drop
    assert page(client, f"/texts/{name}?preview").findtext(".//pre") == f"\n{text}"


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
    assert note in page(client, f"/texts/{name}?preview").text_content()


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
