from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from crfs_dav.dav.queries import BODY_LIMIT, Mode, Query, parse_query
from crfs_dav.dav.status import BadRequest
from crfs_dav.dav.xmlnames import XmlName, element
from tests.dav.conftest import Serve
from tests.support.dav import D, DavClient
from tests.support.dav_tree import TreeFile, directory

MANY = b'<propfind xmlns="DAV:"><prop>%s</prop></propfind>' % b"".join(b"<p%d/>" % n for n in range(1001))
DEEP = b'<propfind xmlns="DAV:">%s%s</propfind>' % (b"<a>" * 40, b"</a>" * 40)
LAUGHS = (
    b"""<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><propfind xmlns="DAV:"><prop>&b;</prop></propfind>"""
)
OUTSIDE = b"""<!DOCTYPE x SYSTEM "file:///etc/passwd"><propfind xmlns="DAV:"><allprop/></propfind>"""


def names(*locals_: str) -> tuple[XmlName, ...]:
    return tuple(XmlName("DAV:", local) for local in locals_)


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b"", Query(Mode.ALLPROP)),
        (b" \r\n", Query(Mode.ALLPROP)),
        (b'<propfind xmlns="DAV:"><allprop/></propfind>', Query(Mode.ALLPROP)),
        (b'<a:propfind xmlns:a="DAV:"><a:propname/></a:propfind>', Query(Mode.PROPNAME)),
        (b'<propfind xmlns="DAV:"><prop><a/><b/></prop></propfind>', Query(Mode.PROP, names("a", "b"))),
        (b'<propfind xmlns="DAV:"><prop><a/><b/><a/></prop></propfind>', Query(Mode.PROP, names("a", "b"))),
        (b'<propfind xmlns="DAV:"><prop/></propfind>', Query(Mode.PROP)),
        (b'<propfind xmlns="DAV:"><prop><a><b/></a></prop></propfind>', Query(Mode.PROP, names("a"))),
        (b'<propfind xmlns="DAV:"><allprop/><include><a/></include></propfind>', Query(Mode.ALLPROP, names("a"))),
        (b'<propfind xmlns="DAV:"><new xmlns="x:"><prop/></new><propname/></propfind>', Query(Mode.PROPNAME)),
        (b'<propfind xmlns="DAV:"><unheard-of/><propname/></propfind>', Query(Mode.PROPNAME)),
        (b'<propfind xmlns="DAV:"><prop><p xmlns=""/></prop></propfind>', Query(Mode.PROP, (XmlName("", "p"),))),
        ('<propfind xmlns="DAV:"><prop><ü/></prop></propfind>'.encode(), Query(Mode.PROP, names("ü"))),
        (
            '<?xml version="1.0" encoding="utf-16"?><propfind xmlns="DAV:"><propname/></propfind>'.encode("utf-16"),
            Query(Mode.PROPNAME),
        ),
        (b"\xef\xbb\xbf" + b'<propfind xmlns="DAV:"><propname/></propfind>', Query(Mode.PROPNAME)),
    ],
)
def test_a_body_says_what_is_asked_for(body: bytes, query: Query) -> None:
    assert parse_query(body) == query


BAD = {
    "no XML": b"hello",
    "cut": b'<propfind xmlns="DAV:"><prop>',
    "two roots": b'<propfind xmlns="DAV:"><allprop/></propfind><x/>',
    "other root": b'<propertyupdate xmlns="DAV:"><allprop/></propertyupdate>',
    "other namespace": b"<propfind><allprop/></propfind>",
    "prefix without namespace": b"<D:propfind><D:allprop/></D:propfind>",
    "nothing asked": b'<propfind xmlns="DAV:"/>',
    "two things asked": b'<propfind xmlns="DAV:"><allprop/><propname/></propfind>',
    "include without allprop": b'<propfind xmlns="DAV:"><propname/><include><a/></include></propfind>',
    "entities": LAUGHS,
    "document type": OUTSIDE,
    "too many": MANY,
    "too deep": DEEP,
    "encoding unknown": b'<?xml version="1.0" encoding="x-unheard"?><propfind xmlns="DAV:"><allprop/></propfind>',
    "bytes that are not UTF-8": b'<propfind xmlns="DAV:"><prop><a>\xff</a></prop></propfind>',
    "a namespace that is no URI": b'<propfind xmlns="DAV:"><prop><b xmlns="{a}"/></prop></propfind>',
    "a long namespace that is no URI": b'<propfind xmlns="DAV:"><prop><b xmlns="%s^"/></prop></propfind>'
    % (b"a" * 60_000),
    "empty namespace by prefix": b'<propfind xmlns="DAV:"><prop><a:b xmlns:a=""/></prop></propfind>',
}


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory(file=TreeFile(b"")))


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_malformed_body_is_400_and_the_connection_goes_on(client: DavClient, body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^propfind body: .*; expected "):
        parse_query(body)
    request = b"PROPFIND / HTTP/1.1\r\nHost: x\r\nDepth: 0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    received = client.raw(request, b"HEAD /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 200 ") == 1


def test_a_body_over_the_limit_is_not_parsed() -> None:
    with pytest.raises(BadRequest, match=f"expected at most {BODY_LIMIT}"):
        parse_query(b"<!--%s-->" % (b" " * BODY_LIMIT))


def test_a_body_over_the_limit_is_413(client: DavClient) -> None:
    chunk = b"8000\r\n%s\r\n" % (b" " * 0x8000)
    head = b"PROPFIND / HTTP/1.1\r\nHost: x\r\nDepth: 0\r\nTransfer-Encoding: chunked\r\n"
    assert client.raw(head + b"\r\n" + chunk * 3 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert client.raw(head + b"Connection: close\r\n\r\n" + chunk * 2 + b"0\r\n\r\n").startswith(b"HTTP/1.1 207 ")
    assert client.propfind("/", b" " * (BODY_LIMIT + 1)).status == 413
    assert client.propfind("/", b" " * BODY_LIMIT).status == 207


@pytest.mark.parametrize(
    ("namespace", "local"),
    [
        ("", "plain"),
        ("x:", "p"),
        ("http://a/?b=c&d=e", "p"),
        ("a'b", "p"),
        ("urn:a%20b#c", "p"),
        ("http://www.w3.org/XML/1998/namespace", "lang"),
        ("DAV:", "ü"),
    ],
)
def test_an_unknown_property_is_named_back_as_it_was_asked_for(client: DavClient, namespace: str, local: str) -> None:
    tag = element(XmlName(namespace, local)).empty
    body = f'<D:propfind xmlns:D="DAV:"><D:prop>{tag}</D:prop></D:propfind>'.encode()
    (response,) = client.responses("/file", body)

    assert list(response.properties(404)) == [f"{{{namespace}}}{local}" if namespace else local]


@given(
    st.from_regex(r"(?:[a-z]{1,5}:[A-Za-z0-9/._~&'!-]{1,20})?", fullmatch=True),
    st.from_regex(r"[A-Za-z_ü][A-Za-z0-9._ü-]{0,10}", fullmatch=True),
)
def test_any_name_makes_tags_that_spell_it(namespace: str, local: str) -> None:
    start, end, empty = element(XmlName(namespace, local))
    for text in empty, f"{start}{end}":
        (child,) = etree.fromstring(f'<D:a xmlns:D="DAV:">{text}</D:a>'.encode())

        assert child.tag == (f"{{{namespace}}}{local}" if namespace else local)


SNIPPETS = st.sampled_from(
    [
        "<",
        ">",
        "/",
        "DAV:",
        'xmlns="DAV:"',
        'xmlns:D="DAV:"',
        "<D:prop>",
        "</D:prop>",
        "<D:propfind>",
        "<!DOCTYPE a>",
        "<?xml version='1.0'?>",
        "&a;",
        "&#0;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        " ",
        "allprop",
        "\0",
        "\xff",
    ]
)


@given(st.binary(max_size=200) | st.lists(SNIPPETS, max_size=20).map(lambda parts: "".join(parts).encode("latin-1")))
def test_any_bytes_are_a_query_or_a_bad_request(body: bytes) -> None:
    try:
        query = parse_query(body)
    except BadRequest:
        return

    assert query.mode in Mode


@given(st.lists(st.sampled_from(["getetag", "resourcetype", "getcontentlength", "nope", "x"]), max_size=8))
def test_a_written_query_is_parsed_back(asked: list[str]) -> None:
    elements = "".join(f"<{local}/>" for local in asked)
    query = parse_query(f'<propfind xmlns="DAV:"><prop>{elements}</prop></propfind>'.encode())

    assert query == Query(Mode.PROP, tuple(dict.fromkeys(names(*asked))))


def test_a_chunked_body_is_read_to_its_end(client: DavClient) -> None:
    body = b'<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:11], body[11:]))
    head = b"PROPFIND /file HTTP/1.1\r\nHost: x\r\nDepth: 0\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    received = client.raw(head + chunks + b"0\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 207 ")
    assert b"getetag" in received
    assert b"resourcetype" not in received
    assert D not in received.decode()
