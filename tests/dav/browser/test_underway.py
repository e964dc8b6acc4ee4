"""What is still being read through: a line of text for programs, a page with what is known for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

import pytest
from lxml import html

from crfs_dav.errors import NotFound, Underway
from crfs_dav.patience import patience_seconds
from crfs_dav.tree.node import Node
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import FailingDirectory, directory
from tests.support.pages import BROWSER, page

SEEN = {(): ["etc/", "<b>&"], ("etc",): ["passwd", "ssh/"], ("big",): [f"f{number}" for number in range(1200)]}


def _names_in(path: Sequence[str]) -> Sequence[str]:
    return SEEN.get(tuple(path), [])


@pytest.fixture
def client(serve: Serve) -> DavClient:
    error = Underway("secret", "being read, 1 of 9 MiB", retry_after_seconds=7.5, names_in=_names_in)
    return serve(directory(layer=FailingDirectory(error)))


def _cells(document: html.HtmlElement) -> list[str]:
    return [cell.text_content() for cell in document.iterfind(".//section[@id='contents']//tbody/tr/td")]


def test_a_program_hears_how_far_it_is_and_when_to_come_again(client: DavClient) -> None:
    answer = client.request("PROPFIND", "/layer/", headers={"Depth": "1"})

    assert (answer.status, answer.headers["retry-after"]) == (503, "8")
    assert answer.body == b"Not ready yet: being read, 1 of 9 MiB; try again later.\n"


def test_a_page_shows_how_far_it_is_and_loads_itself_again(client: DavClient) -> None:
    answer = client.get("/layer/", Accept=BROWSER)

    assert (answer.status, answer.headers["retry-after"], answer.headers["refresh"]) == (503, "8", "8")
    text = html.fromstring(answer.body.decode()).text_content()
    assert "being read, 1 of 9 MiB" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("path", "cells"),
    [("/layer/", ["etc/", "<b>&"]), ("/layer/etc/", ["ssh/", "passwd"]), ("/layer/etc", ["ssh/", "passwd"])],
)
def test_a_page_shows_what_came_by_of_the_directory_asked_for(client: DavClient, path: str, cells: list[str]) -> None:
    document = page(client, path, Accept=BROWSER)

    assert _cells(document) == cells
    assert "This is not all" in document.text_content()


def test_a_page_leads_into_the_directories_seen_and_to_those_above(client: DavClient) -> None:
    links = page(client, "/layer/etc", Accept=BROWSER).xpath("//nav//a/@href | //main//a/@href")

    assert links == ["/", "/layer/", "/layer/etc/", "/layer/etc/ssh/"]


def test_a_page_of_what_nothing_is_known_of_has_no_list(client: DavClient) -> None:
    document = page(client, "/layer/var/", Accept=BROWSER)

    assert _cells(document) == []
    assert "This is not all" not in document.text_content()


def test_a_page_shows_a_thousand_names_and_counts_the_others(client: DavClient) -> None:
    document = page(client, "/layer/big/", Accept=BROWSER)

    assert len(_cells(document)) == 1000
    assert "200 more came by." in document.text_content()


class _AskingDirectory(FailingDirectory):
    """Remembers for how long whoever asked would have waited."""

    def __init__(self) -> None:
        super().__init__(NotFound("nothing"))
        self.patience: list[float] = []

    def children(self) -> Mapping[str, Node]:
        """Raises."""
        self.patience.append(patience_seconds())
        return super().children()


def test_people_are_shown_something_soon_and_programs_wait_as_long_as_they_may(serve: Serve) -> None:
    asking = _AskingDirectory()
    client = serve(directory(layer=asking))
    client.get("/layer/", Accept=BROWSER)
    client.request("PROPFIND", "/layer/", headers={"Depth": "1"})
    client.get("/layer/")

    assert asking.patience == [2.0, inf, inf]
