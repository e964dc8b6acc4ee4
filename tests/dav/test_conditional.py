from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.dav.conditions import Validators, Verdict, judge, range_applies
from crfs_dav.dav.dates import parse_http_date
from crfs_dav.dav.request import Request
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import HTTP_MTIME, TreeFile, directory

FILE = TreeFile(b"content")
TAG = f'"{FILE.content_id}"'
BEFORE = "Mon, 06 May 2024 07:08:08 GMT"
AFTER = "Mon, 06 May 2024 07:08:10 GMT"


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory(file=FILE))


def test_content_without_a_time_is_not_judged_by_dates(serve: Serve) -> None:
    file = TreeFile(b"content", mtime=None)
    client = serve(directory(file=file))
    epoch = "Thu, 01 Jan 1970 00:00:00 GMT"

    assert "last-modified" not in client.head("/file").headers
    for name in ("If_Modified_Since", "If_Unmodified_Since"):
        assert client.get("/file", **{name: epoch}).status == 200
    assert client.get("/file", If_Range=epoch, Range="bytes=0-1").status == 200
    assert client.get("/file", If_Range=f'"{file.content_id}"', Range="bytes=0-1").status == 206


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": TAG}, 304),
        ({"If_None_Match": f"W/{TAG}"}, 304),
        ({"If_None_Match": f'"a", {TAG} , "b"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_None_Match": "rubbish"}, 200),
        ({"If_Modified_Since": HTTP_MTIME}, 304),
        ({"If_Modified_Since": AFTER}, 304),
        ({"If_Modified_Since": BEFORE}, 200),
        ({"If_Modified_Since": "Monday, 06-May-24 07:08:09 GMT"}, 304),
        ({"If_Modified_Since": "Mon May  6 07:08:09 2024"}, 304),
        ({"If_Modified_Since": "rubbish"}, 200),
        ({"If_None_Match": '"other"', "If_Modified_Since": AFTER}, 200),
        ({"If_None_Match": TAG, "If_Modified_Since": BEFORE}, 304),
        ({"If_Match": TAG}, 200),
        ({"If_Match": f'"a",{TAG}'}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": f"W/{TAG}"}, 412),
        ({"If_Match": '"other"'}, 412),
        ({"If_Unmodified_Since": HTTP_MTIME}, 200),
        ({"If_Unmodified_Since": AFTER}, 200),
        ({"If_Unmodified_Since": BEFORE}, 412),
        ({"If_Unmodified_Since": "rubbish"}, 200),
        ({"If_Match": TAG, "If_Unmodified_Since": BEFORE}, 200),
        ({"If_Match": TAG, "If_None_Match": TAG}, 304),
        ({"If_Match": '"other"', "If_None_Match": TAG}, 412),
        ({"If_None_Match": TAG, "Range": "bytes=0-1"}, 304),
        ({"If_None_Match": '"other"', "Range": "bytes=0-1"}, 206),
    ],
)
def test_the_conditions_of_a_get_decide(client: DavClient, headers: dict[str, str], status: int) -> None:
    answer = client.get("/file", **headers)

    assert answer.status == status
    assert (answer.headers["etag"], answer.headers["last-modified"]) == (TAG, HTTP_MTIME)
    assert answer.body == {200: b"content", 206: b"co"}.get(status, b"")


def test_a_304_reads_nothing(client: DavClient) -> None:
    FILE.reads.clear()
    client.get("/file", If_None_Match=TAG)

    assert FILE.reads == []


def test_conditions_on_what_is_not_there_change_nothing(client: DavClient) -> None:
    assert client.get("/missing", If_None_Match="*").status == 404
    assert client.get("/missing", If_Match="*").status == 404


@given(st.text(max_size=60), st.sampled_from(["MATCH", "NONE_MATCH", "MODIFIED_SINCE", "UNMODIFIED_SINCE"]))
def test_any_header_has_a_verdict(header: str, name: str) -> None:
    request = Request({"REQUEST_METHOD": "GET", f"HTTP_IF_{name}": header})

    assert judge(request, Validators('"tag"', 5)) in Verdict
    assert range_applies(header, Validators('"tag"', 5)) is (header.strip() == '"tag"')


@given(st.lists(st.text("abc/W,", max_size=5), max_size=6), st.text("abc/W,", max_size=5))
def test_a_tag_matches_where_it_is_in_the_list(tags: list[str], tag: str) -> None:
    header = ", ".join(f'"{each}"' for each in tags)
    request = Request({"REQUEST_METHOD": "GET", "HTTP_IF_MATCH": header})

    assert (judge(request, Validators(f'"{tag}"', 5)) is Verdict.GO_ON) is (tag in tags)


@pytest.mark.parametrize("text", ["Mon, 06 May 99999 07:08:09 GMT", f"6 May {'9' * 4000} 1:1:1", "", "\0", "6"])
def test_a_date_that_is_none_is_ignored(text: str) -> None:
    assert parse_http_date(text) is None


@given(st.text(max_size=40) | st.text("MonJan 0123456789:,-+GMT", max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    seconds = parse_http_date(text)

    assert seconds is None or isinstance(seconds, int)
