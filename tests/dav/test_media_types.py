from __future__ import annotations

import pytest

from crfs_dav.archive import MIME_TYPE_XATTR
from crfs_dav.dav.media_types import media_type, media_type_of
from tests.dav.conftest import Serve
from tests.support.dav_tree import TreeFile, directory

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
        ("bash", "application/octet-stream"),
        ("x.unknown", "application/octet-stream"),
        (".json", "application/json"),
        ("", "application/octet-stream"),
        ("ends.", "application/octet-stream"),
    ],
)
def test_the_type_follows_from_the_name(name: str, wanted: str) -> None:
    assert media_type_of(name) == wanted


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        (b"application/json", "application/json"),
        (b"Text/Plain", "text/plain; charset=utf-8"),
        (b"", "application/octet-stream"),
        (b"text/html\r\nSet-Cookie: a=b", "application/octet-stream"),
        (b"text/html; charset=utf-7", "application/octet-stream"),
        (b"\xff/\xfe", "application/octet-stream"),
        (b"a/b&c", "application/octet-stream"),
    ],
)
def test_a_stated_type_is_taken_only_where_it_is_one(stated: bytes, wanted: str) -> None:
    assert media_type("config", TreeFile(xattrs={MIME_TYPE_XATTR: stated})) == wanted


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
