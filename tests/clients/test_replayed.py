"""Clients that no test can run: KIO (Dolphin) and Cyberduck, replayed as the notes on clients tell them in 7 and 9."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.clients.conftest import Shop
from tests.support.bodies import CYBERDUCK_BODY, KIO_BODY
from tests.support.dav import D, DavClient, parse_multistatus
from tests.support.images import NOISE

KIO = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/534.34 (KHTML, like Gecko) dolphin/22 Safari/534.34",
    "Accept": "text/html, text/*;q=0.9, image/jpeg;q=0.9, image/png;q=0.9, image/*;q=0.9, */*;q=0.8",
    "Pragma": "no-cache",
    "Cache-control": "no-cache",
}
CYBERDUCK = {"User-Agent": "Cyberduck/8.7.1 (Mac OS X/13.4) (x86_64)", "Translate": "f"}


def _walked(client: DavClient, top: str, headers: Mapping[str, str], body: bytes) -> dict[str, int]:
    """Sizes of all files below `top` by href: what the first propstat of each response says, and nothing else."""
    pending, sizes = [f"{top}/"], dict[str, int]()
    while pending:
        answer = client.request("PROPFIND", pending.pop(), headers={**headers, "Depth": "1"}, body=body)
        assert answer.status == 207
        for response in parse_multistatus(answer.body)[1:]:
            status, properties = response.propstats[0]
            assert status == 200
            if len(properties[D + "resourcetype"]):
                pending.append(response.href)
            else:
                sizes[response.href] = int(properties[D + "getcontentlength"].text or -1)
    return sizes


@pytest.mark.parametrize(("headers", "body"), [(KIO, KIO_BODY), (CYBERDUCK, CYBERDUCK_BODY)], ids=["kio", "cyberduck"])
def test_client_walks_an_image_and_reads_every_file(shop: Shop, headers: dict[str, str], body: bytes) -> None:
    sizes = _walked(shop.client, shop.image, headers, body)
    answers = {href: shop.client.request("GET", href, headers=headers) for href in sizes}

    assert f"{shop.image}/var/lib/dpkg/info/libc6%3Aamd64.list" in sizes
    assert len(sizes) > 350
    assert {answer.status for answer in answers.values()} == {200}
    assert {href: len(answer.body) for href, answer in answers.items()} == sizes


@pytest.mark.parametrize(("asked", "start", "end"), [("1000-", 1000, len(NOISE)), ("70000-99999", 70_000, 100_000)])
def test_kio_seeks_by_range(shop: Shop, asked: str, start: int, end: int) -> None:
    answer = shop.client.request("GET", f"{shop.image}/usr/noise", headers={**KIO, "Range": f"bytes={asked}"})

    assert (answer.status, answer.body == NOISE[start:end]) == (206, True)


@pytest.mark.parametrize("path", ["", "/", "/etc/", "/etc/passwd"])
def test_cyberduck_asks_head_of_its_home_first(shop: Shop, path: str) -> None:
    assert shop.client.request("HEAD", shop.image + path, headers=CYBERDUCK).status == 200


def test_cyberduck_resumes_by_range_without_coding(shop: Shop) -> None:
    headers = {**CYBERDUCK, "Range": "bytes=3000000-", "Accept-Encoding": "identity"}
    answer = shop.client.request("GET", f"{shop.image}/usr/noise", headers=headers)

    assert (answer.status, answer.body) == (206, NOISE[3_000_000:])
    assert "content-encoding" not in answer.headers
