from __future__ import annotations

import pytest

from crfs_dav.errors import AccessDenied, Corrupt
from crfs_dav.registry.urls import check_target, is_internal, origin, resolve_url, shown

BASE = "https://registry.example/v2/a/blobs/x"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/v2/b?x=1", "https://registry.example/v2/b?x=1"),
        ("c", "https://registry.example/v2/a/blobs/c"),
        ("https://S3.Example/b?X-Sig=a%2Bb%2Fc%3D#part", "https://s3.example/b?X-Sig=a%2Bb%2Fc%3D"),
        ("//cdn.example:444/b", "https://cdn.example:444/b"),
        ("http://[::1]:5000/b", "http://[::1]:5000/b"),
    ],
)
def test_url_is_resolved(text: str, url: str) -> None:
    assert resolve_url(BASE, text) == url


@pytest.mark.parametrize(
    "text",
    [
        "ftp://a.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:secret@a.example/",
        "https://a.example\\@evil.example/x",
        "https://a.example/\r\nHost: b",
        "https://a.example:99999999/",
        "https://[::1/",
        "https://a.example/" + "x" * 20_000,
    ],
)
def test_what_is_no_plain_url_is_refused(text: str) -> None:
    with pytest.raises(Corrupt) as caught:
        resolve_url(BASE, text)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example/x", ("https", "a.example", 443)),
        ("http://a.example:80/x", ("http", "a.example", 80)),
        ("http://[::1]:5000", ("http", "[::1]", 5000)),
    ],
)
def test_origin(url: str, parts: tuple[str, str, int]) -> None:
    assert origin(url) == parts


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://a.example/b?X-Sig=secret", "https://a.example/b"),
        ("https://user:secret@a.example/b#secret", "https://a.example/b"),
        ("https://a.example/\x1b[1m", "https://a.example/\N{REPLACEMENT CHARACTER}[1m"),
    ],
)
def test_shown_url_has_no_secret_and_no_control_character(url: str, text: str) -> None:
    assert shown(url) == text


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[fd00::1]",
        "[fe80::1%25eth0]",
        "[::ffff:10.0.0.1]",
    ],
)
def test_inner_addresses_are_known_in_any_spelling(host: str) -> None:
    assert is_internal(host)


@pytest.mark.parametrize("host", ["registry.example", "8.8.8.8", "[2606:4700::1]", "localhost.example", "10.example"])
def test_public_hosts_are_not_internal(host: str) -> None:
    assert not is_internal(host)


@pytest.mark.parametrize(
    ("source", "target", "home"),
    [
        (BASE, "https://s3.example/b", BASE),
        (BASE, "https://8.8.8.8/b", BASE),
        ("http://127.0.0.1:5000/v2/", "http://127.0.0.1:9000/b", "http://127.0.0.1:5000/v2/"),
        ("http://127.0.0.1:5000/v2/", "http://10.0.0.1/b", "http://127.0.0.1:5000/v2/"),
        ("http://registry.example/v2/", "http://s3.example/b", "http://registry.example/v2/"),
        ("http://registry.example/v2/", "https://s3.example/b", "http://registry.example/v2/"),
    ],
)
def test_allowed_ways(source: str, target: str, home: str) -> None:
    check_target(source, target, home)


@pytest.mark.parametrize(
    ("source", "target", "home"),
    [
        (BASE, "http://s3.example/b", BASE),
        (BASE, "http://registry.example/b", BASE),
        ("https://s3.example/", "http://registry.example/b", "http://registry.example/v2/"),
        (BASE, "https://10.0.0.1/b", BASE),
        (BASE, "https://169.254.169.254/latest/meta-data", BASE),
        (BASE, "https://localhost/b", BASE),
        (BASE, "https://2130706433/b", BASE),
        ("https://8.8.8.8/v2/", "https://10.0.0.1/b", "https://8.8.8.8/v2/"),
    ],
)
def test_refused_ways(source: str, target: str, home: str) -> None:
    with pytest.raises(AccessDenied):
        check_target(source, target, home)
