"""A WebDAV client for tests: plain requests, strict parsing, and WebDAVFS's way of reading a listing."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import unquote_to_bytes
from xml import sax

from lxml import etree

HREF = re.compile(r"/(?:[A-Za-z0-9._~!$'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
D = "{DAV:}"

FINDER_USER_AGENT = "WebDAVFS/3.0.0 (03008000) Darwin/21.1.0 (arm64)"


@dataclass(frozen=True)
class Answer:
    """A response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class PropResponse:
    """One `response` of a multistatus: its href, and the properties by status, in the order they came."""

    href: str
    propstats: tuple[tuple[int, dict[str, etree._Element]], ...]

    def properties(self, status: int = 200) -> dict[str, etree._Element]:
        """Properties of the propstat with `status`, by `{namespace}name`."""
        return dict(self.propstats).get(status, {})

    def text(self, name: str) -> str | None:
        """Text of the found property `name`, which is in `DAV:` unless it says else."""
        text: str | None = self.properties()[name if name.startswith("{") else D + name].text
        return text


@dataclass(frozen=True)
class DavClient:
    """Requests to one server, each over a connection of its own."""

    host: str
    port: int

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The answer; raises http.client.IncompleteRead where its body was cut."""
        connection = HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """A GET; header names with `_` for `-`."""
        return self.request("GET", path, headers=_spelled(headers))

    def head(self, path: str, **headers: str) -> Answer:
        """A HEAD; header names with `_` for `-`."""
        return self.request("HEAD", path, headers=_spelled(headers))

    def propfind(self, path: str, body: bytes = b"", *, depth: str = "0") -> Answer:
        """A PROPFIND with a body, or with none."""
        return self.request("PROPFIND", path, headers={"Depth": depth}, body=body or None)

    def responses(self, path: str, body: bytes = b"", *, depth: str = "0") -> list[PropResponse]:
        """What a PROPFIND found; asserts that it is a well-formed 207."""
        answer = self.propfind(path, body, depth=depth)
        assert answer.status == 207, answer
        return parse_multistatus(answer.body)

    def connect(self) -> socket.socket:
        """A raw connection."""
        return socket.create_connection((self.host, self.port), timeout=30)

    def raw(self, *requests: bytes) -> bytes:
        """All that the server says on one connection to `requests`, the last of which asks it to close."""
        with self.connect() as connection:
            for each in requests:
                connection.sendall(each)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Bytes until the server closes."""
    received = bytearray()
    while piece := connection.recv(65536):
        received += piece
    return bytes(received)


def _spelled(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def prop_body(*names: str) -> bytes:
    """A PROPFIND body that asks for properties of `DAV:` by name, one element a line as WebDAVFS spells it."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<D:propfind xmlns:D="DAV:">', "<D:prop>"]
    return "\n".join([*lines, *(f"<D:{name}/>" for name in names), "</D:prop>", "</D:propfind>", ""]).encode()


FINDER_BODY = prop_body("getlastmodified", "getcontentlength", "creationdate", "resourcetype")
FINDER_STATFS_BODY = prop_body("quota-available-bytes", "quota-used-bytes", "quota", "quotaused")


def parse_multistatus(body: bytes) -> list[PropResponse]:
    """The responses of `body`; asserts what every client needs of its shape."""
    root = etree.fromstring(body, etree.XMLParser(recover=False, resolve_entities=False))
    assert root.tag == f"{D}multistatus"
    assert body.count(b"<D:response>") == len(root), "the prefix is D, everywhere"
    return [_parse_response(each) for each in root]


def _parse_response(response: etree._Element) -> PropResponse:
    (href,) = response.iter(f"{D}href")
    assert href.text is not None
    assert HREF.fullmatch(href.text), href.text
    propstats = tuple(_parse_propstat(each) for each in response.iterchildren(f"{D}propstat"))
    assert [status for status, _ in propstats] == sorted(status for status, _ in propstats), "200 comes first"
    return PropResponse(href.text, propstats)


def _parse_propstat(propstat: etree._Element) -> tuple[int, dict[str, etree._Element]]:
    status = propstat.findtext(f"{D}status")
    prop = propstat.find(f"{D}prop")
    assert status is not None
    assert prop is not None
    names = [str(each.tag) for each in prop]
    assert len(names) == len(set(names))
    return int(status.split()[1]), dict(zip(names, prop, strict=True))


@dataclass
class WebdavfsEntry:
    """What WebDAVFS keeps of an entry."""

    href: str
    values: dict[str, str] = field(default_factory=dict)
    is_collection: bool = False


class WebdavfsParser(sax.ContentHandler):
    """Reads a listing as WebDAVFS does (webdavfs `webdav_parse.c`): by local names alone, each href a new entry.

    Namespaces and statuses are ignored, and only the first piece of an element's text counts.
    """

    KNOWN = frozenset({"getcontentlength", "getlastmodified", "creationdate"})

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[WebdavfsEntry] = []
        self._wanted = ""

    def startElement(self, name: str, _attributes: object) -> None:  # noqa: N802  # SAX's own name
        local = name.rpartition(":")[2].lower()
        self._wanted = local if local == "href" or local in self.KNOWN else ""
        if local == "collection":
            self.entries[-1].is_collection = True

    def characters(self, content: str) -> None:
        if self._wanted == "href":
            self.entries.append(WebdavfsEntry(content))
        elif self._wanted:
            self.entries[-1].values[self._wanted] = content
        self._wanted = ""

    def endElement(self, _name: str) -> None:  # noqa: N802
        self._wanted = ""


def webdavfs_listing(body: bytes, parent: str) -> dict[bytes, WebdavfsEntry]:
    """Children by name as WebDAVFS lists them: those whose decoded path is longer than their parent's."""
    parser = WebdavfsParser()
    sax.parseString(body, parser)
    above = unquote_to_bytes(parent).rstrip(b"/")
    children = {}
    for entry in parser.entries:
        path = unquote_to_bytes(entry.href).rstrip(b"/")
        if len(path) > len(above):
            children[path.rpartition(b"/")[2]] = entry
    return children
