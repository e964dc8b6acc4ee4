from __future__ import annotations

import pytest

from crfs_dav.errors import Unavailable
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import FailingDirectory, TreeFile, directory

REMOTE = FailingDirectory(Unavailable("test: asked; expected not to be"))


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    return serve(directory(file=TreeFile(b""), dir=directory(), remote=REMOTE))


@pytest.mark.parametrize("path", ["/", "*", "/dir", "/dir/", "/file", "/missing/at/all", "/%FF", "/a/../..", "//x"])
@pytest.mark.parametrize(
    "user_agent", ["WebDAVLib/1.3", "WebDAVFS/3.0.0 (03008000)", "DavClnt", "Microsoft-WebDAV-MiniRedir/10.0.19045"]
)
def test_options_says_class_1_and_what_is_allowed_everywhere(client: DavClient, path: str, user_agent: str) -> None:
    answer = client.request("OPTIONS", path, headers={"User-Agent": user_agent, "translate": "f"})

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["dav"] == "1"
    assert answer.headers["allow"] == "OPTIONS, HEAD, GET, PROPFIND"
    assert answer.headers["ms-author-via"] == "DAV"
    assert answer.headers["content-length"] == "0"


def test_options_asks_nobody(client: DavClient) -> None:
    assert client.request("OPTIONS", "/remote/a/b").status == 200
    assert REMOTE.asked == 0
