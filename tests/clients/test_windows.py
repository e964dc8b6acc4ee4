"""Section 14 of the notes on clients, the rows that Windows breaks on: replayed, and judged by what it accepts."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest

from crfs_dav.dav.application import create_dav_app
from tests.clients.conftest import Shop, running
from tests.support.dav import D, DavClient
from tests.support.dav_tree import ODD_NAMES, TreeFile, directory
from tests.support.windows import LISTING_LIMIT, PROBES, USER_AGENTS, ask, explorer_listing, propfind

USUAL = "/images/docker.io/library/debian/12/var/lib/dpkg/info"
LONG = "/images/registry.example.com_5000/some-owner/some-image/22.04/usr/lib/python3/dist-packages/numpy/tests"
FIVE = {"resourcetype", "getcontentlength", "getlastmodified", "creationdate", "getetag"}


@pytest.mark.parametrize("agent", USER_AGENTS)
@pytest.mark.parametrize("path", ["/", "/odd", "/odd/plain.txt", "/images/never/seen"])
def test_windows_asks_options_of_any_path_first(odd: DavClient, path: str, agent: str) -> None:
    answer = ask(odd, "OPTIONS", path, **{"User-Agent": agent})

    assert (answer.status, answer.headers["dav"], answer.headers["ms-author-via"]) == (200, "1", "DAV")
    assert "LOCK" not in answer.headers["allow"]


def test_windows_walks_down_from_the_root_without_slashes(shop: Shop) -> None:
    names = f"{shop.image}/etc/passwd".split("/")

    for depth in range(1, len(names) + 1):
        path = "/".join(names[:depth]) or "/"
        assert propfind(shop.client, path, "0").status == 207, path


def test_windows_opens_every_file_that_it_lists(odd: DavClient) -> None:
    bodies = [ask(odd, "GET", response.href).body for response in explorer_listing(odd, "/odd").values()]

    assert bodies == [name.encode("utf-8", "surrogateescape") for name in ODD_NAMES]


def test_windows_reaches_every_file_of_an_image_of_awkward_names(shop: Shop) -> None:
    pending, files = [shop.image], 0
    while pending:
        for response in explorer_listing(shop.client, pending.pop()).values():
            if len(response.properties()[D + "resourcetype"]):
                pending.append(response.href.rstrip("/"))
                continue
            files += 1
            assert ask(shop.client, "HEAD", response.href).headers["content-length"] == response.text(
                "getcontentlength"
            )

    assert files > 350


def test_windows_sees_a_registry_with_a_port_and_a_package_with_an_architecture(shop: Shop) -> None:
    host = shop.registry.host.replace(":", "：")
    folder = f"/images/{quote(host)}/my/ubuntu/18.04/var/lib/dpkg/info"

    assert host in explorer_listing(shop.client, "/images")
    assert list(explorer_listing(shop.client, folder)) == ["libc6：amd64.list"]
    assert ask(shop.client, "GET", f"{folder}/{quote('libc6：amd64.list')}").body == b"/lib\n"


@pytest.mark.parametrize("path", ["/odd/libc6%3Aamd64.list", "/odd/libc6%EF%BC%9Aamd64.list"])
@pytest.mark.parametrize("agent", [USER_AGENTS[0], "davfs2/1.6.1 neon/0.32.5", "curl/8"])
def test_both_spellings_of_a_name_open_for_every_client(odd: DavClient, path: str, agent: str) -> None:
    assert odd.get(path, User_Agent=agent).body == b"libc6:amd64.list"


def test_where_a_name_looks_like_a_spelling_each_client_gets_what_it_was_shown() -> None:
    tree = directory({"a:b": TreeFile(b"colon"), "a：b": TreeFile(b"wide")})
    with running(create_dav_app(tree)) as client:
        listed = explorer_listing(client, "/")
        windows = {name: ask(client, "GET", response.href).body for name, response in listed.items()}
        others = {unquote(each.href): client.get(each.href).body for each in client.responses("/", depth="1")[1:]}

    assert windows == {"a：b": b"colon", "a‛：b": b"wide"}
    assert others == {"/a:b": b"colon", "/a：b": b"wide"}


def test_windows_tells_twins_apart(odd: DavClient) -> None:
    listed = explorer_listing(odd, "/odd")

    assert ask(odd, "GET", listed["Foo"].href).body == b"Foo"
    assert ask(odd, "GET", listed["foo‛２"].href).body == b"foo"


@pytest.mark.parametrize("agent", ["WebDAVFS/3.0.0 (03008000) Darwin/21.1.0 (arm64)", "rclone/v1.60.1", "gvfs/1.50.3"])
def test_all_others_see_names_as_they_are(odd: DavClient, agent: str) -> None:
    answer = odd.request("PROPFIND", "/odd", headers={"Depth": "1", "User-Agent": agent})

    assert answer.body == odd.propfind("/odd", depth="1").body


@pytest.mark.parametrize("agent", USER_AGENTS)
def test_windows_gets_five_properties_of_a_file_and_nothing_else(odd: DavClient, agent: str) -> None:
    body = ask(odd, "PROPFIND", "/dir/big", **{"User-Agent": agent, "Depth": "0"}).body

    for name in ("resourcetype", "getcontentlength", "getlastmodified", "creationdate", "getetag"):
        assert f"<D:{name}".encode() in body
    assert b"getcontenttype" not in body
    assert b"displayname" not in body


@pytest.mark.parametrize(
    ("folder", "count", "left_out"),
    [
        (USUAL, 1900, set()),
        (USUAL, 2500, {"getetag"}),
        (LONG, 1700, set()),
        (LONG, 2500, {"getetag", "creationdate"}),
    ],
    ids=["usual path, some", "usual path, many", "long path, some", "long path, many"],
)
def test_windows_can_list_2500_files_with_long_tags(folder: str, count: int, left_out: set[str]) -> None:
    """Each with all five properties where these fit, and never without the three that Windows shows nothing without."""
    digest = "sha256:" + "0" * 64
    tree = directory({f"lib{number:05}:amd64.list": _tagged(digest) for number in range(count)})
    for name in reversed(folder.strip("/").split("/")):
        tree = directory({name: tree})
    with running(create_dav_app(tree)) as client:
        answer = propfind(client, folder, "1")
        listed = explorer_listing(client, folder)

    assert len(answer.body) < LISTING_LIMIT
    assert len(listed) == count
    for response in listed.values():
        assert response.properties().keys() == {D + name for name in FIVE - left_out}


def _tagged(content_id: str) -> TreeFile:
    made = TreeFile(b"x")
    made.content_id = content_id
    return made


def test_windows_reads_a_whole_file_without_range(shop: Shop) -> None:
    answer = ask(shop.client, "GET", f"{shop.image}/etc/passwd")

    assert (answer.status, len(answer.body)) == (200, int(answer.headers["content-length"]))


@pytest.mark.parametrize("probe", PROBES)
def test_windows_probes_cost_no_request_above_an_image(shop: Shop, probe: str) -> None:
    levels = shop.image.split("/")[:-1]
    shop.registry.clear_requests()

    for depth in range(1, len(levels) + 1):
        assert propfind(shop.client, "/".join([*levels[:depth], probe]), "0").status == 404
    assert shop.registry.requests == []


@pytest.mark.parametrize("path", ["/", "/odd", "/odd/"])
def test_office_asks_head_of_a_folder(odd: DavClient, path: str) -> None:
    assert ask(odd, "HEAD", path).status == 200


def test_office_is_refused_a_lock_at_once_and_without_a_challenge(odd: DavClient) -> None:
    answer = odd.request("LOCK", "/odd/plain.txt", headers={"User-Agent": USER_AGENTS[0]}, body=b"<lockinfo/>")

    assert answer.status == 405
    assert "www-authenticate" not in answer.headers
