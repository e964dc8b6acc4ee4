"""How to mount the very address that a reader came by."""

from __future__ import annotations

import pytest

from tests.support.dav import DavClient
from tests.support.pages import page


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({}, "http://127.0.0.1:{port}/"),
        ({"Host": "files.example:8443"}, "http://files.example:8443/"),
        ({"Host": "files.example", "X_Forwarded_Proto": "https"}, "https://files.example/"),
        ({"Host": "[::1]:80"}, "http://[::1]:80/"),
    ],
)
def test_the_root_says_how_to_mount_the_address_it_was_asked_at(
    client: DavClient, headers: dict[str, str], url: str
) -> None:
    lines = page(client, "/", **headers).xpath("//code[@class='copy']/text()")

    assert f"sudo mount -t davfs -o ro {url.format(port=client.port)} /mnt" in lines
    assert len(lines) == 6


@pytest.mark.parametrize("host", ['"><script>', "a;reboot", "$(id)", "`id`", "a b", "user@host", ""])
def test_a_host_that_a_shell_could_run_is_shown_to_nobody(client: DavClient, host: str) -> None:
    answer = client.raw(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    assert b"Mount this" not in answer
    assert b"<script" not in answer
    assert host.encode() not in answer or not host
