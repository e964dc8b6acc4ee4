from __future__ import annotations

import gc
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from crfs_dav.archive import Kind
from crfs_dav.dav.properties import CRFS, xml_text
from crfs_dav.dav.propfind import multistatus
from crfs_dav.dav.queries import Mode, Query
from crfs_dav.dav.xmlnames import XmlName
from crfs_dav.names import digest_of
from crfs_dav.tree.static import StaticDirectory
from tests.dav.conftest import Serve
from tests.support.dav import FINDER_STATFS_BODY, D, DavClient, PropResponse, parse_multistatus, prop_body
from tests.support.dav_tree import HTTP_MTIME, TreeFile, directory

EXECUTABLE = "{http://apache.org/dav/props/}executable"
FINITE_DEPTH = b'<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>'
PAGE = TreeFile(b"<p>")
FULL = TreeFile(
    b"content",
    kind=Kind.REG,
    mode=0o4755,
    uid=1000,
    gid=50,
    user_name="ann",
    group_name="staff",
    link_name="../a&<b>\x01\udcff",
    digest=digest_of(b"content"),
    xattrs={"user.b c": b"\0\xff", "user.a": b"1"},
)


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    inner = directory(file=TreeFile(b"12345"), full=FULL, empty=TreeFile(b""))
    many = StaticDirectory({f"entry-{number:05}": TreeFile(b"") for number in range(9000)})
    return serve(directory({"dir": inner, "many": many, "page.html": PAGE}))


def test_depth_0_is_the_resource_alone(client: DavClient) -> None:
    assert [each.href for each in client.responses("/dir/")] == ["/dir/"]


def test_depth_1_is_the_collection_and_then_its_members(client: DavClient) -> None:
    hrefs = [each.href for each in client.responses("/dir/", depth="1")]

    assert hrefs == ["/dir/", "/dir/file", "/dir/full", "/dir/empty"]


def test_depth_1_of_a_file_is_the_file(client: DavClient) -> None:
    assert [each.href for each in client.responses("/dir/file", depth="1")] == ["/dir/file"]


def test_the_root_answers(client: DavClient) -> None:
    assert [each.href for each in client.responses("/", depth="1")] == ["/", "/dir/", "/many/", "/page.html"]


@pytest.mark.parametrize("headers", [{}, {"Depth": "infinity"}, {"Depth": "Infinity"}])
@pytest.mark.parametrize("path", ["/", "/dir/file", "/missing"])
def test_infinite_depth_is_refused_with_its_precondition(client: DavClient, headers: dict[str, str], path: str) -> None:
    answer = client.request("PROPFIND", path, headers=headers)

    assert (answer.status, answer.headers["content-type"]) == (403, "application/xml; charset=utf-8")
    assert answer.body.endswith(FINITE_DEPTH)
    etree.fromstring(answer.body)


@pytest.mark.parametrize("depth", ["2", "-1", "0,1", "x", ""])
def test_a_depth_that_is_none_is_400_or_refused(client: DavClient, depth: str) -> None:
    assert client.propfind("/dir/", depth=depth).status in (400, 403)


def test_a_missing_resource_is_a_plain_404(client: DavClient) -> None:
    answer = client.propfind("/dir/missing")

    assert answer.status == 404
    assert b"multistatus" not in answer.body


def test_a_file_has_its_usual_properties(client: DavClient) -> None:
    (response,) = client.responses("/page.html")

    assert {name.removeprefix(D): element.text for name, element in response.properties().items()} == {
        "resourcetype": None,
        "getcontentlength": "3",
        "getlastmodified": HTTP_MTIME,
        "creationdate": "2024-05-06T07:08:09Z",
        "getetag": f'"{PAGE.content_id}"',
        "getcontenttype": "text/html; charset=utf-8",
    }
    assert len(response.propstats) == 1


def test_a_collection_has_its_usual_properties(client: DavClient) -> None:
    (response,) = client.responses("/dir")

    assert list(response.properties()) == [D + "resourcetype", D + "getlastmodified", D + "creationdate"]
    assert [child.tag for child in response.properties()[D + "resourcetype"]] == [D + "collection"]


@pytest.mark.parametrize("path", ["/dir/file", "/dir/full", "/page.html", "/dir/empty"])
def test_properties_equal_the_headers_of_a_get(client: DavClient, path: str) -> None:
    (response,) = client.responses(path)
    headers = client.head(path).headers

    assert response.text("getetag") == headers["etag"]
    assert response.text("getlastmodified") == headers["last-modified"]
    assert response.text("getcontentlength") == headers["content-length"]


def test_a_type_is_stated_as_get_states_it_or_not_at_all(client: DavClient) -> None:
    unknown, page = (client.responses(path)[0] for path in ("/dir/file", "/page.html"))

    assert page.text("getcontenttype") == client.head("/page.html").headers["content-type"]
    assert D + "getcontenttype" not in unknown.properties()
    assert client.head("/dir/file").headers["content-type"] == "application/octet-stream"


def test_what_a_resource_has_not_comes_after_what_it_has(client: DavClient) -> None:
    body = prop_body("getcontentlength", "displayname", "resourcetype", "supportedlock")
    collection, file = client.responses("/dir/", body, depth="1")[:2]

    assert [(status, list(found)) for status, found in collection.propstats] == [
        (200, [D + "resourcetype"]),
        (404, [D + "displayname", D + "supportedlock", D + "getcontentlength"]),
    ]
    assert [(status, list(found)) for status, found in file.propstats] == [
        (200, [D + "getcontentlength", D + "resourcetype"]),
        (404, [D + "displayname", D + "supportedlock"]),
    ]


def test_quota_is_not_there_for_macos_to_hang_on(client: DavClient) -> None:
    (response,) = client.responses("/", FINDER_STATFS_BODY)

    assert [status for status, _ in response.propstats] == [404]
    assert len(response.properties(404)) == 4


def test_the_connection_goes_on_after_a_huge_listing(client: DavClient) -> None:
    received = client.raw(
        b"PROPFIND /many/ HTTP/1.1\r\nHost: x\r\nDepth: 1\r\n\r\n",
        b"HEAD /dir/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )

    assert received.startswith(b"HTTP/1.1 207 ")
    assert b"\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n" in received


@pytest.mark.parametrize("mode", [0o100, 0o010, 0o001, 0o4755])
def test_a_file_that_anyone_may_run_is_executable(mode: int) -> None:
    file = TreeFile(b"", mode=mode)
    query = Query(Mode.PROP, (XmlName("http://apache.org/dav/props/", "executable"),))
    (response,) = parse_multistatus("".join(multistatus(query, "/f", ("f", file), ())).encode())

    assert response.text(EXECUTABLE) == "T"


@pytest.mark.parametrize(("path", "wanted"), [("/dir/full", "T"), ("/dir/file", "F")])
def test_apaches_executable_is_answered_by_name(client: DavClient, path: str, wanted: str) -> None:
    body = b'<propfind xmlns="DAV:"><prop><executable xmlns="http://apache.org/dav/props/"/></prop></propfind>'

    assert client.responses(path, body)[0].text(EXECUTABLE) == wanted
    assert client.responses("/dir/", body)[0].properties(404).keys() == {EXECUTABLE}
    assert EXECUTABLE not in client.responses(path)[0].properties()


def test_what_a_file_system_knows_is_answered_in_our_own_namespace(client: DavClient) -> None:
    names = ["mode", "owner", "group", "owner-name", "group-name", "kind", "link-target", "digest", "xattrs"]
    elements = "".join(f'<{name} xmlns="{CRFS}"/>' for name in names)
    body = f'<propfind xmlns="DAV:"><prop>{elements}</prop></propfind>'
    full, file = (client.responses(path, body.encode())[0] for path in ("/dir/full", "/dir/file"))

    assert {name: full.text(f"{{{CRFS}}}{name}") for name in names} == {
        "mode": "4755",
        "owner": "1000",
        "group": "50",
        "owner-name": "ann",
        "group-name": "staff",
        "kind": "reg",
        "link-target": "../a&<b>\ufffd\ufffd",
        "digest": str(digest_of(b"content")),
        "xattrs": "user.a=MQ== user.b%20c=AP8=",
    }
    assert len(file.properties(404)) == 5


def test_propname_names_what_each_resource_has_without_values(client: DavClient) -> None:
    body = b'<propfind xmlns="DAV:"><propname/></propfind>'
    collection, file, full, _ = client.responses("/dir/", body, depth="1")

    assert D + "getcontentlength" not in collection.properties()
    assert {D + "getetag", EXECUTABLE, f"{{{CRFS}}}mode"} <= file.properties().keys()
    assert file.properties().keys() < full.properties().keys()
    assert not any(element.text or len(element) for element in full.properties().values())


def test_allprop_includes_what_it_is_asked_to(client: DavClient) -> None:
    include = b'<include><executable xmlns="http://apache.org/dav/props/"/><getetag/><unknown xmlns="x:"/></include>'
    (response,) = client.responses("/dir/full", b'<propfind xmlns="DAV:"><allprop/>%s</propfind>' % include)

    assert response.text(EXECUTABLE) == "T"
    assert len(response.properties()) == 6
    assert response.propstats[0][0] == 200


def test_a_listing_says_its_length(client: DavClient) -> None:
    answer = client.propfind("/dir/", depth="1")

    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert b"> <" not in answer.body
    assert b">\n<D:r" not in answer.body


def test_a_huge_listing_is_streamed_and_whole(client: DavClient) -> None:
    answer = client.propfind("/many/", depth="1")

    assert answer.headers["transfer-encoding"] == "chunked"
    assert len(parse_multistatus(answer.body)) == 9001


def test_a_huge_listing_is_whole_for_http_1_0_too(client: DavClient) -> None:
    received = client.raw(b"PROPFIND /many/ HTTP/1.0\r\nDepth: 1\r\n\r\n")

    assert len(parse_multistatus(received.partition(b"\r\n\r\n")[2])) == 9001


def test_a_huge_listing_is_made_in_bounded_memory() -> None:
    many = StaticDirectory({f"entry-{number:06}": TreeFile(b"") for number in range(20_000)})
    texts = multistatus(Query(Mode.ALLPROP), "/many", ("many", many), many.children().items())
    gc.collect()
    tracemalloc.start()
    size = sum(len(text) for text in texts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > 6_000_000
    assert peak < 500_000


@pytest.mark.parametrize(
    ("mtime", "http", "iso"),
    [
        (None, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
        (
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "1970-01-01T00:00:00Z",
        ),
        (datetime.max.replace(tzinfo=UTC), "Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59Z"),
        (
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "9999-12-31T23:59:59Z",
        ),
        (datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), "Tue, 19 Jan 2038 03:14:08 GMT", "2038-01-19T03:14:08Z"),
        (
            datetime(2000, 2, 29, 12, tzinfo=timezone(timedelta(hours=2))),
            "Tue, 29 Feb 2000 10:00:00 GMT",
            "2000-02-29T10:00:00Z",
        ),
    ],
)
def test_any_time_is_one_that_clients_can_read(mtime: datetime | None, http: str, iso: str) -> None:
    response = _rendered(TreeFile(b"", mtime=mtime))

    assert (response.text("getlastmodified"), response.text("creationdate")) == (http, iso)


@given(st.text())
def test_any_text_is_legal_in_xml(text: str) -> None:
    element = etree.fromstring(f"<a>{xml_text(text)}</a>".encode())

    assert len(element.text or "") == len(text)


def _rendered(file: TreeFile) -> PropResponse:
    (response,) = parse_multistatus("".join(multistatus(Query(Mode.ALLPROP), "/f", ("f", file), ())).encode())
    return response
