"""Section 14 of the notes on clients, the rows that davfs2, cadaver, gvfs, KIO, rclone, Cyberduck and curl break on.

Those that run on Linux walk an image for real in `tests/interop`; KIO and Cyberduck do it in `test_replayed`.
"""

from __future__ import annotations

import hashlib
import random
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from xml import sax

import pytest
from lxml import etree

from crfs_dav.demo.registry import DemoRegistry
from tests.clients.conftest import Shop, open_shop
from tests.support.archives import file
from tests.support.bodies import CYBERDUCK_BODY, KIO_BODY
from tests.support.dav import HREF, D, DavClient, parse_multistatus, prop_body, read_all
from tests.support.dav_tree import ODD_NAMES
from tests.support.images import NOISE, add_layers, layer_of
from tests.support.process import serving

DAVFS2 = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>\n<resourcetype xmlns="DAV:"/>\n'
    b'<getcontentlength xmlns="DAV:"/>\n<getetag xmlns="DAV:"/>\n<getlastmodified xmlns="DAV:"/>\n'
    b'<executable xmlns="http://apache.org/dav/props/"/>\n</prop></propfind>\n'
)
CADAVER = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>\n<getcontentlength xmlns="DAV:"/>\n'
    b'<getlastmodified xmlns="DAV:"/>\n<executable xmlns="http://apache.org/dav/props/"/>\n'
    b'<resourcetype xmlns="DAV:"/>\n<checked-in xmlns="DAV:"/>\n<checked-out xmlns="DAV:"/>\n</prop></propfind>\n'
)
GVFS = prop_body(
    *("creationdate", "displayname", "getcontentlength", "getcontenttype", "getetag", "getlastmodified"), "resourcetype"
)
BODIES = {
    "rclone": b"",
    "davfs2": DAVFS2,
    "cadaver": CADAVER,
    "gvfs": GVFS,
    "kio": KIO_BODY,
    "cyberduck": CYBERDUCK_BODY,
}
WRITERS = ("PUT", "DELETE", "MKCOL", "MOVE", "COPY", "PROPPATCH", "LOCK", "UNLOCK", "POST", "PATCH")
CHILDREN = [name.encode("utf-8", "surrogateescape") for name in ODD_NAMES]
EXECUTABLE = "{http://apache.org/dav/props/}executable"

each_client = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())


@each_client
def test_gvfs_and_rclone_get_well_formed_xml_whatever_the_names(odd: DavClient, body: bytes) -> None:
    answer = odd.propfind("/odd/", body, depth="1").body

    sax.parseString(answer, sax.ContentHandler())
    assert len(etree.fromstring(answer, etree.XMLParser(recover=False))) == len(ODD_NAMES) + 1


@each_client
def test_neon_and_java_drop_no_href(odd: DavClient, body: bytes) -> None:
    hrefs = [each.href for each in odd.responses("/odd/", body, depth="1")]

    assert all(map(HREF.fullmatch, hrefs))
    assert len(set(hrefs)) == len(CHILDREN) + 1
    assert all(href.startswith("/odd/") for href in hrefs)


@each_client
def test_rclone_and_cyberduck_read_the_first_propstat_only(odd: DavClient, body: bytes) -> None:
    answer = odd.propfind("/odd/", body, depth="1").body

    for propstats in re.findall(rb"<D:response>.*?</D:response>", answer, re.DOTALL):
        assert propstats.index(b"HTTP/1.1 200 OK") < (propstats + b"HTTP/1.1 404").index(b"HTTP/1.1 404")
        assert propstats.count(b"<D:propstat>") == propstats.count(b"<D:status>")
        assert propstats.count(b"<D:href>") == 1
    assert b'<D:multistatus xmlns:D="DAV:">' in answer


@each_client
def test_gvfs_gets_no_name_to_show(odd: DavClient, body: bytes) -> None:
    assert all(
        D + "displayname" not in each.properties() for each in parse_multistatus(odd.propfind("/odd/", body).body)
    )


def test_davfs2_sees_which_files_may_run(odd: DavClient) -> None:
    directory, big, script = odd.responses("/dir/", DAVFS2, depth="1")

    assert EXECUTABLE in directory.properties(404)
    assert (big.text(EXECUTABLE), script.text(EXECUTABLE)) == ("T", "T")
    assert odd.responses("/odd/plain.txt", DAVFS2)[0].text(EXECUTABLE) == "F"


def test_davfs2_gets_the_tag_of_the_header_in_the_listing(shop: Shop) -> None:
    path = f"{shop.image}/etc/passwd"
    (entry,) = shop.client.responses(path, DAVFS2)
    headers = shop.client.head(path).headers

    assert entry.text("getetag") == headers["etag"]
    assert re.fullmatch(r'"[!#-~]+"', headers["etag"])


def test_davfs2_revalidates_by_tag_and_date(shop: Shop) -> None:
    path = f"{shop.image}/etc/passwd"
    headers = shop.client.head(path).headers

    answer = shop.client.get(path, If_None_Match=headers["etag"], If_Modified_Since=headers["last-modified"])
    assert answer.status == 304


def test_all_sizes_in_a_listing_are_those_of_the_contents(shop: Shop) -> None:
    for entry in shop.client.responses(f"{shop.image}/names/", depth="1")[1:]:
        assert int(entry.text("getcontentlength") or -1) == len(shop.client.get(entry.href).body)


@pytest.mark.parametrize("slash", ["", "/"])
def test_rclone_lists_every_prefix_with_and_without_a_slash(shop: Shop, slash: str) -> None:
    names = shop.image.split("/")

    for depth in range(1, len(names) + 1):
        path = "/".join(names[:depth])
        assert shop.client.responses(path + slash or "/", depth="1")[0].href == f"{path}/"


def test_gvfs_rclone_and_curl_get_exactly_the_range_they_ask_for(shop: Shop) -> None:
    path, places = f"{shop.image}/usr/noise", random.Random(14)
    for _ in range(15):
        start = places.randrange(len(NOISE))
        last = places.randrange(start, min(len(NOISE), start + 200_000))
        for header, wanted in {
            f"bytes={start}-{last}": NOISE[start : last + 1],
            f"bytes={len(NOISE) - 1 - start % 1000}-": NOISE[len(NOISE) - 1 - start % 1000 :],
            f"bytes=-{last % 1000 + 1}": NOISE[-(last % 1000 + 1) :],
        }.items():
            answer = shop.client.get(path, Range=header)
            first = len(NOISE) - len(wanted) if "=-" in header else int(header[6:].partition("-")[0])
            assert (answer.status, answer.body == wanted) == (206, True)
            assert answer.headers["content-range"] == f"bytes {first}-{first + len(wanted) - 1}/{len(NOISE)}"


@pytest.mark.parametrize("method", WRITERS)
def test_writers_are_refused_and_the_connection_goes_on(odd: DavClient, method: str) -> None:
    received = odd.raw(
        f"{method} /odd/plain.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".encode(),
        b"GET /odd/plain.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )

    assert received.startswith(b"HTTP/1.1 405")
    assert b"Allow: OPTIONS, HEAD, GET, PROPFIND" in received
    assert b"WWW-Authenticate" not in received
    assert received.endswith(b"\r\n\r\nplain.txt")


@pytest.mark.parametrize("headers", [{}, {"Depth": "infinity"}])
def test_no_client_gets_the_whole_tree_at_once(shop: Shop, headers: dict[str, str]) -> None:
    assert shop.client.request("PROPFIND", "/", headers=headers).status == 403


def test_davfs2_and_windows_wait_for_a_cold_layer_less_than_ten_seconds() -> None:
    with open_shop() as shop:
        shop.registry.faults.delay_seconds = 0.5
        before = time.monotonic()
        assert shop.client.propfind(f"{shop.image}/etc", DAVFS2, depth="1").status == 207
        assert time.monotonic() - before < 10


def test_finder_and_gvfs_keep_thirty_connections(odd: DavClient) -> None:
    connections = [odd.connect() for _ in range(30)]
    request = b"GET /odd/plain.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    try:
        for _ in range(2):
            for connection in connections:
                connection.sendall(request)
            assert all(_answer(connection).endswith(b"plain.txt") for connection in connections)
    finally:
        for connection in connections:
            connection.close()


def _answer(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"plain.txt"):
        piece = connection.recv(4096)
        assert piece
        received += piece
    return received


def test_davfs2_and_windows_get_seventy_megabytes_in_bounded_memory(tmp_path: Path) -> None:
    content = (NOISE * 24)[: 70 << 20]
    with DemoRegistry() as registry:
        add_layers(registry, "my/big", "1", layer_of(file("big", content), file("small", b"small")))
        with serving("--registry", registry.host, "--cache-dir", str(tmp_path)) as server:
            client = DavClient(*server.address)
            folder = f"/images/{registry.host}/my/big/1"
            assert client.get(f"{folder}/small").body == b"small"
            before = _peak_bytes(server.process.pid)
            size, digest = _downloaded(client, f"{folder}/big")
            grown = _peak_bytes(server.process.pid) - before

    assert (size, digest) == (len(content), hashlib.sha256(content).digest())
    assert grown < 192 << 20  # what its memories may hold, 128 MiB, and the pieces under way


def _downloaded(client: DavClient, path: str) -> tuple[int, bytes]:
    """Bytes and SHA-256 of a whole-file GET, never held as a whole."""
    connection = HTTPConnection(client.host, client.port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    digest, size = hashlib.sha256(), 0
    while piece := response.read(1 << 20):
        digest.update(piece)
        size += len(piece)
    connection.close()
    return size, digest.digest()


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(DAVFS2), DAVFS2),
        (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(DAVFS2), DAVFS2)),
        (b"Content-Length: 0\r\n", b""),
        (b"", b""),
    ],
    ids=["expect", "chunked", "empty", "none"],
)
def test_curl_and_dotnet_may_frame_a_body_as_they_like(odd: DavClient, headers: bytes, body: bytes) -> None:
    received = odd.raw(
        b"PROPFIND /odd/ HTTP/1.1\r\nHost: x\r\nDepth: 1\r\nConnection: close\r\n%s\r\n%s" % (headers, body)
    )

    assert b"HTTP/1.1 207" in received
    assert received.count(b"<D:response>") == len(ODD_NAMES) + 1


@pytest.mark.parametrize("path", ["/odd/latin1-%FC%FF", "/odd/%FF", "/%FE/x"])
def test_davfs2_and_rclone_ask_for_bytes_that_are_not_utf_8(odd: DavClient, path: str) -> None:
    with odd.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = int(read_all(connection)[9:12])

    assert status == (200 if "latin1" in path else 404)


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "OPTIONS", "PUT"])
def test_windows_and_all_others_are_asked_for_no_password_on_loopback(odd: DavClient, method: str) -> None:
    answer = odd.request(method, "/odd/plain.txt", headers={"Depth": "0"})

    assert answer.status != 401
    assert "www-authenticate" not in answer.headers


def test_recursive_clients_come_to_an_end_and_stay_inside(shop: Shop) -> None:
    pending, seen = [f"{shop.image}/"], set[str]()
    while pending:
        assert len(seen) < 5000
        for entry in shop.client.responses(pending.pop(), DAVFS2, depth="1")[1:]:
            seen.add(entry.href.removeprefix(shop.image))
            if entry.href.endswith("/"):
                pending.append(entry.href)

    assert {"/usr/absolute", "/usr/loop", "/usr/dangling", "/escape"} <= seen
    assert shop.client.get(f"{shop.image}/usr/absolute").body == b"root:x:0:0:root:/root:/bin/sh\n"
    assert shop.client.get(f"{shop.image}/usr/loop").body == b"loop"
    assert shop.client.get(f"{shop.image}/usr/up").body == b"../../../.."


def test_many_clients_at_once_get_their_own_answers(shop: Shop) -> None:
    paths = [f"{shop.image}/many/{number:04}.txt" for number in range(60)]
    with ThreadPoolExecutor(20) as threads:
        bodies = list(threads.map(lambda path: shop.client.get(path).body, paths))

    assert bodies == [f"file number {number}\n".encode() for number in range(60)]
