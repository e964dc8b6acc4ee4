from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.archive import MIME_TYPE_XATTR
from crfs_dav.dav.media_types import media_type, stated_type, type_by_name
from crfs_dav.dav.sniffing import sniff
from crfs_dav.demo.registry import DemoRegistry
from tests.dav.conftest import Serve
from tests.support.archives import file
from tests.support.dav import D, parse_multistatus
from tests.support.dav_tree import TreeFile, directory
from tests.support.images import add_layers, layer_of
from tests.support.site import site

TEXT = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.txt", TEXT),
        ("A.TXT", TEXT),
        ("passwd", TEXT),
        ("resolv.conf", TEXT),
        ("README", TEXT),
        ("README.md", TEXT),
        ("script.py", TEXT),
        ("index.html", "text/html; charset=utf-8"),
        ("x.tar.gz", "application/gzip"),
        ("logo.svg", "image/svg+xml"),
        ("data.json", "application/json"),
        ("bash", None),
        ("x.unknown", None),
        (".json", "application/json"),
        ("", None),
        ("ends.", None),
    ],
)
def test_the_type_follows_from_the_name(name: str, wanted: str | None) -> None:
    assert type_by_name(name) == wanted
    assert media_type(name, TreeFile(b"")) == (wanted or "application/octet-stream")


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        (b"application/json", "application/json"),
        (b"Text/Plain", "text/plain; charset=utf-8"),
        (b"", None),
        (b"text/html\r\nSet-Cookie: a=b", None),
        (b"text/html; charset=utf-7", None),
        (b"\xff/\xfe", None),
        (b"a/b&c", None),
    ],
)
def test_a_stated_type_is_taken_only_where_it_is_one(stated: bytes, wanted: str | None) -> None:
    assert stated_type("config", {MIME_TYPE_XATTR: stated}) == wanted


@pytest.mark.parametrize(
    ("start", "wanted"),
    [
        (b"#!/bin/sh\n", TEXT),
        (b"plain \xc3\xbc", TEXT),
        (b"cut within a character \xc3", TEXT),
        (b"\x1b[1mbold\x1b[0m\n", TEXT),
        (b"<html><script>alert(1)</script>", TEXT),
        (b"<svg onload=alert(1)>", TEXT),
        (b"\x7fELF\x02", "application/x-executable"),
        (b"\x89PNG\r\n\x1a\n\0", "image/png"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"", None),
        (b"latin-1 \xfc", None),
        (b"a\0b", None),
    ],
)
def test_first_bytes_tell_text_from_other_things(start: bytes, wanted: str | None) -> None:
    assert sniff(start) == wanted


@given(st.binary(max_size=600))
def test_nothing_that_a_browser_might_run_is_guessed(start: bytes) -> None:
    guessed = sniff(start)

    assert guessed is None or guessed.partition(";")[0] not in ("text/html", "image/svg+xml", "text/xml")


def test_a_file_without_extension_gets_a_type_once_it_was_read() -> None:
    with DemoRegistry() as registry, site(registry) as app:
        add_layers(registry, "my/app", "1", layer_of(file("run", b"#!/bin/sh\necho\n"), file("data.bin", b"text")))
        folder = f"/images/{registry.host}/my/app/1"
        before = app.request("HEAD", f"{folder}/run").headers["content-type"]
        asked_before = len(registry.requests)
        app.request("PROPFIND", folder, depth="1")
        listed = len(registry.requests) - asked_before
        app.get(f"{folder}/run")
        after = [app.request(method, f"{folder}/run").headers["content-type"] for method in ("HEAD", "GET")]

    assert (before, listed) == ("application/octet-stream", 0)
    assert after == [TEXT, TEXT]


def test_a_listing_never_says_another_type_than_the_file() -> None:
    """Kept or not, before anything was read or after: it says what GET says, or nothing."""
    with DemoRegistry() as registry, site(registry) as app:
        add_layers(registry, "my/app", "1", layer_of(file("run", b"#!/bin/sh\necho\n"), file("notes.txt", b"text")))
        folder = f"/images/{registry.host}/my/app/1"
        listings = []
        for _ in range(2):
            listings.append(app.request("PROPFIND", folder, depth="1").body)
            app.get(f"{folder}/run")

    assert listings[0] == listings[1]
    listed = {each.href.rpartition("/")[2]: each for each in parse_multistatus(listings[0])}
    assert listed["notes.txt"].text("getcontenttype") == TEXT
    assert D + "getcontenttype" not in listed["run"].properties()


@pytest.mark.parametrize(
    ("name", "stated", "is_sandboxed"),
    [
        ("x.html", None, True),
        ("x.svg", None, True),
        ("x.xml", None, True),
        ("x.xhtml", None, True),
        ("x.txt", None, False),
        ("x.png", None, False),
        ("x.bin", None, False),
        ("x.pdf", None, False),
        ("x.bin", b"text/html", True),
        ("x.bin", b"application/rdf+xml", True),
        ("x.bin", b"x-unheard/of", True),
        ("x.bin", b"application/json", False),
    ],
)
def test_what_a_browser_might_run_is_sandboxed(
    serve: Serve, name: str, stated: bytes | None, is_sandboxed: bool
) -> None:
    xattrs = {} if stated is None else {MIME_TYPE_XATTR: stated}
    answer = serve(directory({name: TreeFile(b"<p>", xattrs=xattrs)})).get(f"/{name}")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get("content-security-policy", "").startswith("sandbox") is is_sandboxed
