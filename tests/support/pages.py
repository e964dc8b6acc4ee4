"""Pages as browsers get them."""

from __future__ import annotations

from lxml import html

from tests.support.dav import DavClient

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def page(client: DavClient, path: str, **headers: str) -> html.HtmlElement:
    """The document at `path`; header names with `_` for `-`."""
    return html.fromstring(client.get(path, **headers).body.decode())


def rows(document: html.HtmlElement) -> list[list[str]]:
    """The texts of a listing's cells, row by row."""
    found = document.iterfind(".//section[@id='contents']//tbody/tr")
    return [[cell.text_content() for cell in row] for row in found]
