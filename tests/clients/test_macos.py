"""Section 14 of the notes on clients, the rows that macOS breaks on: Finder and WebDAVFS replayed, and their parser."""

from __future__ import annotations

import hashlib
import socket
import time

import pytest

from tests.clients.conftest import Shop, open_shop
from tests.support import finder
from tests.support.archives import file
from tests.support.dav import FINDER_USER_AGENT, D, DavClient, parse_multistatus
from tests.support.dav_tree import ODD_NAMES
from tests.support.images import NOISE, add_layers, layer_of

NOISE_AT = "/usr/noise"


@pytest.mark.parametrize("agent", ["WebDAVLib/1.3", FINDER_USER_AGENT])
@pytest.mark.parametrize("path", ["/", "/odd/", "/odd/plain.txt"])
def test_finder_mounts_read_only(odd: DavClient, path: str, agent: str) -> None:
    answer = odd.request("OPTIONS", path, headers={"User-Agent": agent, "Accept": "*/*"})

    assert (answer.status, answer.headers["dav"], answer.headers["content-length"]) == (200, "1", "0")
    assert answer.headers["allow"] == "OPTIONS, HEAD, GET, PROPFIND"


def test_finder_mounts_an_image(shop: Shop) -> None:
    base = f"{shop.image}/"

    assert finder.ask(shop.client, "OPTIONS", base).headers["dav"] == "1"
    (root,) = parse_multistatus(finder.propfind(shop.client, base, finder.MOUNT_CHECK).body)
    assert len(root.properties()[D + "resourcetype"]) == 1
    assert b"etc" in finder.listing(shop.client, base)


@pytest.mark.parametrize("body", [finder.STAT, finder.LISTING], ids=["plain", "cached"])
def test_finder_lists_every_name_once_with_size_and_dates(odd: DavClient, body: bytes) -> None:
    found = finder.listing(odd, "/odd/", body)

    assert list(found) == [name.encode("utf-8", "surrogateescape") for name in ODD_NAMES]
    for name, entry in found.items():
        assert entry.values["getcontentlength"] == str(len(name))
        assert entry.values.keys() == {"getcontentlength", "getlastmodified", "creationdate"}
        assert not entry.is_collection


def test_finder_looks_names_up_without_a_slash_and_gets_no_redirect(shop: Shop) -> None:
    names = f"{shop.image}/etc/passwd".split("/")

    for depth in range(2, len(names) + 1):
        assert finder.propfind(shop.client, "/".join(names[:depth]), finder.STAT).status == 207
    assert finder.propfind(shop.client, f"{shop.image}/etc/none", finder.STAT).status == 404


@pytest.mark.parametrize("probe", finder.PROBES)
def test_finder_probes_cost_no_request_and_no_time(shop: Shop, probe: str) -> None:
    names = shop.image.split("/")
    finder.propfind(shop.client, f"{shop.image}/{probe}", finder.STAT)
    shop.registry.clear_requests()

    for depth in range(1, len(names) + 1):
        before = time.monotonic()
        assert finder.propfind(shop.client, "/".join([*names[:depth], probe]), finder.STAT).status == 404
        assert time.monotonic() - before < 0.5  # 50 ms on an idle machine
    assert shop.registry.requests == []


def test_finder_is_told_no_quota_for_it_to_hang_on(odd: DavClient) -> None:
    before = time.monotonic()
    (response,) = parse_multistatus(finder.propfind(odd, "/", finder.STATFS).body)

    assert [(status, len(names)) for status, names in response.propstats] == [(404, 4)]
    assert time.monotonic() - before < 1


def test_finder_reads_ahead_by_ranges_and_never_checks_for_206(shop: Shop) -> None:
    path = shop.image + NOISE_AT

    whole = finder.ask(shop.client, "GET", path)
    assert hashlib.sha256(whole.body).digest() == hashlib.sha256(NOISE).digest()
    for start, last in [(32768, 65535), (1 << 20, (1 << 20) + 4095), (len(NOISE) - 1, len(NOISE) + 99)]:
        part = finder.ask(shop.client, "GET", path, Range=f"bytes={start}-{last}")
        assert (part.status, part.body) == (206, NOISE[start : last + 1])


def test_finder_revalidates_by_date_after_a_minute_and_resumes_by_date(shop: Shop) -> None:
    path = shop.image + NOISE_AT
    date = finder.ask(shop.client, "HEAD", path).headers["last-modified"]

    assert finder.ask(shop.client, "GET", path, **{"If-Modified-Since": date}).status == 304
    resumed = finder.ask(shop.client, "GET", path, **{"If-Range": date, "Range": "bytes=3000000-"})
    assert (resumed.status, resumed.body) == (206, NOISE[3_000_000:])


def test_finder_sees_the_same_times_and_tags_after_a_restart() -> None:
    seen = []
    for _ in range(2):
        with open_shop() as shop:
            paths = ["", "/etc", "/var/lib", "/implied/parents/deep", "/usr/bin/tool", "/opaque"]
            answers = [finder.propfind(shop.client, shop.image + path, finder.STAT).body for path in paths]
            tag = finder.ask(shop.client, "HEAD", f"{shop.image}/usr/bin/tool").headers["etag"]
            seen.append([parse_multistatus(body)[0].text("getlastmodified") for body in answers] + [tag])

    assert seen[0] == seen[1]
    assert all(seen[0])


def test_finder_finds_composed_names_by_decomposed_ones(odd: DavClient) -> None:
    assert finder.ask(odd, "GET", "/odd/u%CC%88-nfc").body == "ü-nfc".encode()


def test_finder_closing_a_file_early_stops_the_fetch() -> None:
    with open_shop() as shop:
        size = 48 << 20
        add_layers(shop.registry, "my/big", "1", layer_of(file("zeros", b"x" + NOISE * (size // len(NOISE)))))
        path = f"{shop.image.replace('ubuntu/18.04', 'big/1')}/zeros"
        assert finder.ask(shop.client, "HEAD", path).status == 200
        shop.registry.clear_requests()
        _read_a_little(shop.client, path)
        assert _settled(shop)

        assert 0 < sum(_asked_bytes(shop)) < size * 3 // 4  # 24 MiB ahead, and what the sockets hold
        for _ in range(50):
            _read_a_little(shop.client, path)
        assert finder.ask(shop.client, "GET", f"{shop.image}/etc/passwd").status == 200


def _read_a_little(client: DavClient, path: str) -> None:
    with client.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def _settled(shop: Shop) -> bool:
    """True once the registry has got no new request for 0.4 s; False if that does not come."""
    for _ in range(25):
        before = len(shop.registry.requests)
        time.sleep(0.4)
        if len(shop.registry.requests) == before:
            return True
    return False


def _asked_bytes(shop: Shop) -> list[int]:
    return [(each.range[1] or 0) - each.range[0] for each in shop.registry.requests if each.range]
