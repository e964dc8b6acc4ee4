from __future__ import annotations

import random
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.dav.ranges import RangeSpec, Span, parse_range
from crfs_dav.errors import Unavailable
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import HTTP_MTIME, FailingFile, TreeFile, directory

DATA = random.Random(7).randbytes(700_000)
SIZE = len(DATA)
FILE = TreeFile(DATA)


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory(file=FILE, ten=TreeFile(b"0123456789"), empty=TreeFile(b"")))


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-5", 2, 6),
        ("bytes=0-", 0, 10),
        ("bytes=9-", 9, 10),
        ("bytes=3-999999999999", 3, 10),
        ("bytes=-1", 9, 10),
        ("bytes=-10", 0, 10),
        ("bytes=-11", 0, 10),
        ("Bytes=1-2", 1, 3),
        ("bytes= 1-2 ", 1, 3),
        ("bytes=0-9", 0, 10),
    ],
)
def test_a_range_comes_as_206_with_its_place(client: DavClient, header: str, start: int, end: int) -> None:
    answer = client.get("/ten", Range=header)

    assert (answer.status, answer.body) == (206, b"0123456789"[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/10"
    assert answer.headers["content-length"] == str(end - start)
    assert {"etag", "last-modified", "accept-ranges", "content-type"} <= answer.headers.keys()


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0", f"bytes={'9' * 18}-"])
def test_a_range_beyond_the_end_is_416_with_the_size(client: DavClient, header: str) -> None:
    answer = client.get("/ten", Range=header)

    assert (answer.status, answer.headers["content-range"], answer.body) == (416, "bytes */10", b"")


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=0-0"])
def test_an_empty_file_has_no_ranges(client: DavClient, header: str) -> None:
    answer = client.get("/empty", Range=header)

    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */0")


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-2",
        "bytes=0-1,5-2",
        "bytes=abc",
        "bytes=-",
        "bytes=",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=1-2,",
        "bytes 1-2",
        "lines=0-1",
        "",
        "bytes=\xb2-\xb3",
        f"bytes={'9' * 5000}-",
        "bytes=" + ",".join(["0-0"] * 100),
    ],
)
def test_a_malformed_range_gives_the_whole(client: DavClient, header: str) -> None:
    answer = client.get("/ten", Range=header)

    assert (answer.status, answer.body) == (200, b"0123456789")
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("bytes=0-1,4-5", [(0, 2), (4, 6)]),
        ("bytes=8-8,0-0,-1", [(8, 10), (0, 1)]),
        ("bytes=4-5, 0-1 ,20-30", [(4, 6), (0, 2)]),
        ("bytes=0-2,2-3,6-7,5-5", [(0, 4), (5, 8)]),
    ],
)
def test_several_ranges_come_as_parts_merged_where_they_touch(
    client: DavClient, header: str, parts: list[tuple[int, int]]
) -> None:
    answer = client.get("/ten", Range=header)
    message = BytesParser().parsebytes(f"Content-Type: {answer.headers['content-type']}\n\n".encode() + answer.body)

    assert (answer.status, answer.headers["content-length"]) == (206, str(len(answer.body)))
    assert "content-range" not in answer.headers
    assert [(part["Content-Range"], part["Content-Type"], part.get_payload()) for part in message.walk()][1:] == [
        (f"bytes {start}-{end - 1}/10", "application/octet-stream", "0123456789"[start:end]) for start, end in parts
    ]


@pytest.mark.parametrize("header", ["bytes=0-3,2-5", "bytes=0-1,2-5", "bytes=30-,0-5", "bytes=0-5,0-5"])
def test_several_ranges_that_come_to_one_come_as_one(client: DavClient, header: str) -> None:
    answer = client.get("/ten", Range=header)

    assert (answer.status, answer.headers["content-range"], answer.body) == (206, "bytes 0-5/10", b"012345")


def test_several_ranges_beyond_the_end_are_416(client: DavClient) -> None:
    assert client.get("/ten", Range="bytes=10-,20-30").status == 416


@pytest.mark.parametrize(("count", "status"), [(16, 206), (17, 200)])
def test_up_to_16_parts_are_served_apart(client: DavClient, count: int, status: int) -> None:
    header = "bytes=" + ",".join(f"{3 * number}-{3 * number}" for number in range(count))

    assert client.get("/file", Range=header).status == status


def test_a_part_that_cannot_be_read_becomes_a_status(serve: Serve) -> None:
    broken = serve(directory(broken=FailingFile(b"0123456789", Unavailable("test: gone; expected content"))))

    assert broken.get("/broken", Range="bytes=0-1,5-6").status == 503


def test_any_range_is_that_slice_of_the_file(client: DavClient) -> None:
    places = random.Random(8)
    for _ in range(20):
        start = places.randrange(SIZE)
        last = places.randrange(start, SIZE)

        assert client.get("/file", Range=f"bytes={start}-{last}").body == DATA[start : last + 1]


def test_only_the_bytes_of_the_range_are_read(client: DavClient) -> None:
    FILE.reads.clear()
    client.get("/file", Range="bytes=600000-600009")

    assert FILE.reads == [(600_000, 10)]


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        (f'"{FILE.content_id}"', 206),
        (HTTP_MTIME, 206),
        ('"other"', 200),
        (f'W/"{FILE.content_id}"', 200),
        ("Mon, 06 May 2024 07:08:10 GMT", 200),
        ("Mon, 06 May 2024 07:08:08 GMT", 200),
        ("rubbish", 200),
        ("*", 200),
    ],
)
def test_a_download_resumes_only_where_the_file_is_the_same(client: DavClient, if_range: str, status: int) -> None:
    assert client.get("/file", Range="bytes=5-9", If_Range=if_range).status == status


@given(st.text(max_size=60))
def test_any_header_is_ranges_or_nothing(header: str) -> None:
    specs = parse_range(header)

    assert specs is None or all(isinstance(spec, RangeSpec) for spec in specs)


@given(st.text("bytes=-,0123456789 ", max_size=40).map(lambda text: f"bytes={text}"), st.integers(0, 50))
def test_any_range_lies_within_the_file(header: str, size: int) -> None:
    for spec in parse_range(header) or []:
        span = spec.span(size)

        assert span is None or 0 <= span.start < span.end <= size


@given(st.integers(1, 60), st.data())
def test_a_parsed_range_says_what_was_written(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(start, size - 1))

    for header in (f"bytes={start}-{last}", f"bytes={start}-{last},{start}-{last}"):
        assert {spec.span(size) for spec in parse_range(header) or []} == {Span(start, last + 1)}
    assert [spec.span(size) for spec in parse_range(f"bytes=-{size - start}") or []] == [Span(start, size)]
