"""The WebDAV client of Windows, as far as it can be replayed: its headers, and a checker of what it accepts.

Sources: the notes on clients, 3.1 to 3.6. The client itself is closed; nothing here was seen on Windows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from tests.support.dav import Answer, DavClient, PropResponse, parse_multistatus

MINI_REDIRECTOR = "Microsoft-WebDAV-MiniRedir/10.0.19045"
USER_AGENTS = (MINI_REDIRECTOR, "Microsoft-WebDAV-MiniRedir/6.1.7601", "DavClnt")
LISTING_LIMIT = 1_000_000  # FileAttributesLimitInBytes
PROBES = ("desktop.ini", "folder.jpg", "folder.gif", "Thumbs.db", "autorun.inf", "AutoRun.inf")

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(?:\.|$)", re.IGNORECASE)
_LITERAL_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def is_acceptable(name: str) -> bool:
    """True if a listing may hold `name` without losing the whole folder, and the file can then be opened."""
    try:
        name.encode("utf-16-le")
    except UnicodeEncodeError:
        return False
    return not (_FORBIDDEN.search(name) or _DEVICE.match(name) or _LITERAL_ESCAPE.search(name) or name[-1:] in ". ")


def ask(client: DavClient, method: str, path: str, **more: str) -> Answer:
    """A request with the redirector's headers."""
    headers = {"Connection": "Keep-Alive", "User-Agent": MINI_REDIRECTOR, "translate": "f", **more}
    return client.request(method, path, headers=headers)


def propfind(client: DavClient, path: str, depth: str) -> Answer:
    """The redirector's PROPFIND: no body, so all properties."""
    return ask(client, "PROPFIND", path, **{"Depth": depth, "Content-Length": "0"})


def explorer_listing(client: DavClient, path: str) -> dict[str, PropResponse]:
    """The entries of a folder by name; asserts that Windows accepts every one of them, and the answer as a whole."""
    answer = propfind(client, path, "1")
    assert answer.status == 207, answer
    assert len(answer.body) < LISTING_LIMIT
    assert b'xmlns:D="DAV:"' in answer.body
    assert b"> " not in answer.body.replace(b"> </", b"")
    responses = parse_multistatus(answer.body)[1:]
    entries = {_name(response): response for response in responses}
    assert [name for name in entries if not is_acceptable(name)] == []
    assert _twins(entries) == []
    for response in responses:
        _assert_usable(response)
    return entries


def _name(response: PropResponse) -> str:
    return unquote_to_bytes(response.href).rstrip(b"/").rpartition(b"/")[2].decode("utf-8")


def _twins(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name.upper() in seen or seen.add(name.upper())]  # type: ignore[func-returns-value]


def _assert_usable(response: PropResponse) -> None:
    """What the redirector reads is there; a name to show is not, and nothing is empty but the type of a file."""
    found = {name.removeprefix("{DAV:}"): element for name, element in response.properties().items()}
    assert {"resourcetype", "getlastmodified"} <= found.keys()
    assert "displayname" not in found
    assert "getcontentlength" in found or len(found["resourcetype"])
    assert all(element.text for name, element in found.items() if name != "resourcetype")
