"""What holds for all pages: nothing runs, no name becomes markup, and HEAD says what GET would."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from crfs_dav.dav.names import quote
from tests.support.dav import DavClient
from tests.support.dav_tree import ODD_NAMES
from tests.support.pages import BROWSER


@pytest.mark.parametrize("path", ["/odd/", *(f"/odd/{quote(name)}?preview" for name in ODD_NAMES), "/image/"])
def test_no_name_becomes_markup(client: DavClient, path: str) -> None:
    body = client.get(path).body

    assert b"<script" not in body
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", body)
    for void in (rb'<meta charset="utf-8">', rb'<meta name="viewport"[^>]*>', rb"<link [^>]*>"):
        body = re.sub(void, b"", body)
    etree.fromstring(body.removeprefix(b"<!DOCTYPE html>\n"))


@pytest.mark.parametrize("path", ["/", "/dir/", "/image/", "/texts/text?preview", "/none"])
def test_nothing_on_a_page_may_run_or_load(client: DavClient, path: str) -> None:
    answer = client.get(path, Accept=BROWSER)
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    assert not re.search(rb"<script|<img|<iframe| style=| on[a-z]+=|href=.javascript:|url\(", answer.body)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/texts/text?preview", "/texts/text?download", "/image/", "/"])
def test_head_says_what_get_would(client: DavClient, path: str) -> None:
    get, head = client.get(path), client.head(path)
    get.headers.pop("date")
    head.headers.pop("date")

    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")
