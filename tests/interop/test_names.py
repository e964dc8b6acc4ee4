"""Every name of the notes' section 12, in files and in directories: real clients walk the image to its end.

What a client itself cannot do is left out for that client, and said below.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.server.http import Server
from crfs_dav.server.listening import listen
from tests.support.archives import Member, dir_, file
from tests.support.clients import cadaver, curl, davfs2, gvfs, rclone
from tests.support.dav_tree import ODD_NAMES
from tests.support.expected import DIRECTORY, Facts, View, differences
from tests.support.images import add_layers, layer_of
from tests.support.site import site

MTIME = 1_600_000_000
NAMES = (*ODD_NAMES, "u\u0308-nfd", "ends ", "aux", "CON", "Foo.txt", "foo.TXT", "libc6：amd64.list", "y" * 248)
_CADAVERS_OWN = set('\t\n\x07\x1b\x7f"\\') | {chr(code) for code in range(0xDC80, 0xDD00)}


def _anything(_name: str) -> bool:
    return True


def _davfs2_can(name: str) -> bool:
    """Its cache's file names are longer than the names themselves: no opening beyond about 248 bytes."""
    return len(name) <= 240


def _cadaver_can(name: str) -> bool:
    """It prints controls raw or not at all, takes no quoting for these characters, and trims a space at the end."""
    return _CADAVERS_OWN.isdisjoint(name) and not name.endswith(" ")


_IMAGES = {"all": _anything, "davfs2": _davfs2_can, "cadaver": _cadaver_can}


@pytest.fixture(scope="module")
def address(tools: None) -> Iterator[str]:
    """Address of images with a file and a directory of each name, at four depths; one image for each kind of client."""
    with DemoRegistry() as registry:
        for tag, can in _IMAGES.items():
            add_layers(registry, "odd/names", tag, layer_of(*_members(can)))
        with site(registry) as app:
            server = Server(app.wsgi, listen("127.0.0.1", 0), threads=16)
            server.start()
            yield f"http://127.0.0.1:{server.port}/images/{registry.host}/odd/names"
            server.stop()


def _members(can: Callable[[str], bool]) -> Iterator[Member]:
    yield dir_("files")
    for name in filter(can, NAMES):
        yield file(f"files/{name}".encode("utf-8", "surrogateescape"), _content(name)).at(MTIME)
        yield file(f"folders/{name}/in/side".encode("utf-8", "surrogateescape"), _content(name)).at(MTIME)


def _content(name: str) -> bytes:
    return b"content of " + name.encode("utf-8", "surrogateescape")


def _facts(name: str) -> Facts:
    content = _content(name)
    return Facts(is_directory=False, size=len(content), sha256=hashlib.sha256(content).hexdigest(), mtime=MTIME)


def _expected(can: Callable[[str], bool] = _anything) -> View:
    view = {"files": DIRECTORY, "folders": DIRECTORY}
    for name in filter(can, NAMES):
        view[f"files/{name}"] = view[f"folders/{name}/in/side"] = _facts(name)
        view[f"folders/{name}"] = view[f"folders/{name}/in"] = DIRECTORY
    return view


def test_curl_walks_all_names(address: str, tmp_path: Path) -> None:
    assert differences(_expected(), curl.view(f"{address}/all", tmp_path)) == []


def test_rclone_walks_all_names(address: str, tmp_path: Path) -> None:
    expected = {rclone.spelled(path): facts for path, facts in _expected().items()}
    assert differences(expected, rclone.view(f"{address}/all", tmp_path)) == []


def test_gvfs_walks_all_names(address: str, tmp_path: Path) -> None:
    assert differences(_expected(), gvfs.view(f"{address}/all", tmp_path)) == []


def test_davfs2_walks_all_names(address: str, tmp_path: Path) -> None:
    assert differences(_expected(_davfs2_can), davfs2.view(f"{address}/davfs2", tmp_path)) == []


def test_cadaver_walks_all_names(address: str, tmp_path: Path) -> None:
    assert differences(_expected(_cadaver_can), cadaver.view(f"{address}/cadaver", tmp_path)) == []
