"""What a collection says of itself stands above its members."""

from __future__ import annotations

from tests.support.dav import DavClient
from tests.support.pages import page


def test_a_description_stands_above_the_contents(client: DavClient) -> None:
    document = page(client, "/image/")
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
    links = page(client, "/image/").xpath("//details//a/@href")

    assert links == ["0/"]
