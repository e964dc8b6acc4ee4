from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.names import Repository, parse_registry, parse_repository
from crfs_dav.oci import OCI_MANIFEST
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.listing import next_url
from tests.support.scripted import Script, Scripted, in_turn
from tests.unit.registry.conftest import OpenClient

Serve = Callable[[Script], Scripted]

PAGE = "https://registry.example/v2/a/tags/list?n=2"


def _repository(host: str, name: str = "a") -> Repository:
    return parse_repository(parse_registry(host), name)


def _tags(client: RegistryClient, host: str) -> list[str]:
    return [tag.name for tag in client.tags(_repository(host))]


def _asked(requests: list[Request]) -> list[tuple[str, str, str]]:
    return [(request.path, request.asked("n"), request.asked("last")) for request in requests]


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("", None),
        ('</v2/a/tags/list?last=b&n=2>; rel="prev"', None),
        ('</v2/a/tags/list?last=b&n=2>; rel="next"', "https://registry.example/v2/a/tags/list?last=b&n=2"),
        ("</x>; rel=next", "https://registry.example/x"),
        ('</first>; rel="first", </x>; rel="last next"', "https://registry.example/x"),
        ('<?last=b>; rel="NEXT"', "https://registry.example/v2/a/tags/list?last=b"),
        ('<https://registry.example/x?last=a%2Fb>; rel="next"', "https://registry.example/x?last=a%2Fb"),
        ('<https://registry.example:443/x>; rel="next"', "https://registry.example:443/x"),
        ('<http://registry.example/x?last=b>; rel="next"', "https://registry.example/x?last=b"),
        ("garbage", None),
        (";;;<>,,", None),
    ],
)
def test_next_page(link: str, url: str | None) -> None:
    assert next_url(link, PAGE) == url


@pytest.mark.parametrize(
    ("link", "error"),
    [
        ('<https://evil.example/v2/a/tags/list>; rel="next"', AccessDenied),
        ('<https://registry.example:444/x>; rel="next"', AccessDenied),
        ('<//evil.example/x>; rel="next"', AccessDenied),
        ('<http://169.254.169.254/x>; rel="next"', AccessDenied),
        ('<https://me:pw@registry.example/x>; rel="next"', Corrupt),
        ('<ftp://registry.example/x>; rel="next"', Corrupt),
    ],
)
def test_next_page_elsewhere_is_refused(link: str, error: type[CrfsError]) -> None:
    with pytest.raises(error):
        next_url(link, PAGE)


def test_tags_come_page_by_page_as_they_are_needed(registry: DemoRegistry, client_of: OpenClient) -> None:
    for number in range(2500):
        registry.add_manifest("a", f"t{number:04}", b"{}", OCI_MANIFEST)
    tags = client_of(registry.host).tags(_repository(registry.host))

    first = [tag.name for tag in islice(tags, 1000)]
    asked_for_first = _asked(registry.requests)
    rest = [tag.name for tag in tags]

    assert first + rest == [f"t{number:04}" for number in range(2500)]
    path = "/v2/a/tags/list"
    assert asked_for_first == [(path, "1000", "")]
    assert _asked(registry.requests) == [(path, "1000", ""), (path, "1000", "t0999"), (path, "1000", "t1999")]


def test_repositories_are_the_catalogs(registry: DemoRegistry, client_of: OpenClient) -> None:
    for name in ("my/ubuntu", "a", "deep/er/still"):
        registry.add_manifest(name, "v1", b"{}", OCI_MANIFEST)

    level = client_of(registry.host).level(parse_registry(registry.host))

    assert list(level.names) == ["a", "deep/er/still", "my/ubuntu"]
    assert _asked(registry.requests) == [("/v2/_catalog", "1000", "")]


def test_nothing_is_asked_before_the_first_name_is_wanted(registry: DemoRegistry, client_of: OpenClient) -> None:
    client_of(registry.host).tags(_repository(registry.host))

    assert registry.requests == []


def test_unknown_repository_is_not_found(registry: DemoRegistry, client_of: OpenClient) -> None:
    with pytest.raises(NotFound, match="NAME_UNKNOWN"):
        list(client_of(registry.host).tags(_repository(registry.host)))


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        (b'{"name":"a","tags":null}', []),
        (b'{"name":"a"}', []),
        (b'{"tags":["v1","-no","","v/2","v2",7,null,"' + b"x" * 129 + b'"]}', ["v1", "v2"]),
    ],
)
def test_odd_lists_of_tags(body: bytes, tags: list[str], scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {"Content-Type": "text/plain"}, body)))

    assert _tags(client_of(server.host), server.host) == tags


def test_names_that_are_illegal_are_left_out(scripted: Serve, client_of: OpenClient) -> None:
    names = ["a/b", "../etc", "UPPER", "", "a//b", "x" * 300, "c"]
    server = scripted(in_turn(json_answer({"repositories": names})))

    assert list(client_of(server.host).level(parse_registry(server.host)).names) == ["a/b", "c"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"tags":{"v1":1}}', b'{"tags":"v1"}', b"[" * 90_000])
def test_what_is_no_list_is_corrupt(body: bytes, scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {}, body)))

    with pytest.raises(Corrupt):
        list(client_of(server.host).tags(_repository(server.host)))


def _page(*tags: str, link: str) -> Answer:
    return json_answer({"tags": tags}, {"Link": f'<{link}>; rel="next"'})


def test_pages_in_a_circle_end_with_a_warning(
    scripted: Serve, client_of: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    pages = {"": _page("a", link="?last=a"), "a": _page("b", link="?last=b"), "b": _page("c", link="?last=a")}
    server = scripted(lambda request: pages[request.asked("last")])

    assert _tags(client_of(server.host), server.host) == ["a", "b", "c"]
    assert len(server.requests) == 3
    assert "listing stopped after 3 names; expected an end" in caplog.text


def test_endless_pages_end(scripted: Serve, client_of: OpenClient, caplog: pytest.LogCaptureFixture) -> None:
    def script(request: Request) -> Answer:
        page = int(request.asked("last") or "0")
        return _page(f"t{page}", link=f"?last={page + 1}")

    server = scripted(script)
    client = client_of(server.host, read_seconds=20, deadline_seconds=60)

    assert len(list(client.tags(_repository(server.host)))) == 1000
    assert len(server.requests) == 1000
    assert "listing stopped after 1000 names" in caplog.text


def test_page_that_breaks_off_is_asked_for_once_more(scripted: Serve, client_of: OpenClient) -> None:
    whole = json_answer({"tags": ["v1"]})
    server = scripted(in_turn(Answer(200, {}, whole.body, cut_at=5), whole))

    assert _tags(client_of(server.host), server.host) == ["v1"]


def test_page_that_keeps_breaking_off_is_unavailable(scripted: Serve, client_of: OpenClient) -> None:
    server = scripted(in_turn(Answer(200, {}, b'{"tags":[]}', cut_at=5)))

    with pytest.raises(Unavailable):
        list(client_of(server.host).tags(_repository(server.host)))
    assert len(server.requests) == 2


def test_all_pages_share_the_time_of_one_call(scripted: Serve, client_of: OpenClient) -> None:
    slow = Answer(200, {"Content-Length": "100"}, b"x", cut_at=1, silent=True)
    server = scripted(in_turn(_page("a", link="?last=a"), slow))
    client = client_of(server.host, deadline_seconds=0.3, read_seconds=5)

    tags = client.tags(_repository(server.host))

    assert next(tags).name == "a"
    with pytest.raises(Unavailable):
        next(tags)
