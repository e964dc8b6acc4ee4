"""A refusal as a page for browsers, and as a line of text for all others."""

from __future__ import annotations

import pytest
from lxml import html

from crfs_dav.errors import AccessDenied, Corrupt, NotFound, Unavailable
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import FailingDirectory, directory
from tests.support.pages import BROWSER, page


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


def test_an_error_page_shows_the_path_that_it_could_not_answer(client: DavClient) -> None:
    assert "/dir/none/<b>" in page(client, "/dir/none/%3Cb%3E", Accept=BROWSER).text_content()


def test_an_error_page_leads_up_and_home_from_any_depth(client: DavClient) -> None:
    links = page(client, "/dir/none/deeper", Accept=BROWSER).xpath("//header//nav//a/@href | //main//a/@href")

    assert links == ["/", "/dir/none/"]


@pytest.mark.parametrize("accept", ["", "*/*", "application/xml", "text/plain"])
def test_others_get_a_line_of_text_for_an_error(client: DavClient, accept: str) -> None:
    answer = client.get("/none", Accept=accept)

    assert (answer.status, answer.body) == (404, b"There is nothing here.\n")


def test_a_webdav_method_gets_no_page_whatever_it_accepts(client: DavClient) -> None:
    answer = client.request("PROPFIND", "/none", headers={"Accept": BROWSER, "Depth": "0"})

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
