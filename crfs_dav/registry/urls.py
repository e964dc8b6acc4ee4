"""URLs that a registry hands out (redirects, realms, next pages), and whether we go there.

The parser is urllib3's, the one that connects in the end: two parsers that disagree on where the host stands
are how such checks get around. Rules: go-containerregistry's of 2026 (no downgrade to http, no way from a
public registry to an address of the inner network).
"""

from __future__ import annotations

import re
import socket
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from crfs_dav.errors import AccessDenied, Corrupt

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_IN_URLS = re.compile(r"[\x00-\x1f\x7f\\]")  # parsers drop or turn them, each its own way
_URL_LIMIT = 16 << 10  # characters; signed URLs with a session token take some 2 KiB


class Reach(IntEnum):
    """How far inside an address lies: whoever is outside may not send us further in."""

    PUBLIC = 0
    PRIVATE = 1  # networks of a house or company
    LOCAL = 2  # this machine, and the link where clouds keep their metadata servers


def resolve_url(base: str, text: str) -> str:
    """Absolute http or https URL that `text` stands for at `base`, spelled the one way; raises Corrupt."""
    try:
        url = parse_url(urljoin(base, text.strip()))
    except (LocationParseError, ValueError):
        raise Corrupt(f"URL from {shown(base)}: {shown(text)!r}; expected a URL") from None
    illegal = _NOT_IN_URLS.search(text) or len(text) > _URL_LIMIT or url.auth is not None
    if illegal or url.scheme not in _DEFAULT_PORTS or not url.host:
        raise Corrupt(f"URL from {shown(base)}: {shown(text)!r}; expected http or https and no user in it")
    return url._replace(fragment=None).url


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute URL."""
    parts = parse_url(url)
    scheme = parts.scheme or ""
    return scheme, parts.host or "", parts.port or _DEFAULT_PORTS.get(scheme, 0)


def shown(url: str) -> str:
    """`url` for logs and errors: without query (signatures live there), user and fragment."""
    text = re.split(r"[?#]", url, maxsplit=1)[0]
    text = re.sub(r"//[^/]*@", "//", text)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)[:300]


def check_target(source: str, target: str, home: str, reach: Reach = Reach.PUBLIC) -> None:
    """Nothing, where a registry at `home` may send us from `source` on to `target`; raises AccessDenied.

    All three are absolute URLs; `reach` is where `home` was found to be. Names are not looked up here: the address
    that a name led to is checked when it is connected to.
    """
    source_scheme, target_scheme = origin(source)[0], origin(target)[0]
    if source_scheme == "https" and target_scheme != "https":
        raise AccessDenied(f"{shown(source)}: leads to {shown(target)}; expected https to stay https")
    home_host, target_host = origin(home)[1:], origin(target)[1:]
    if target_host != home_host and reach_of(target_host[0]) > max(reach, reach_of(home_host[0])):
        raise AccessDenied(f"{shown(source)}: leads to {shown(target)}; expected no address of an inner network")


def is_internal(host: str) -> bool:
    """True for names of this machine and for addresses, in any spelling, that are not of the public internet."""
    return reach_of(host) > Reach.PUBLIC


def reach_of(host: str) -> Reach:
    """How far inside an address lies, in any spelling; names but those of this machine are public.

    No name is looked up. `127.1` and `2130706433` are spellings that the resolver takes for addresses.
    """
    host = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return Reach.LOCAL
    try:
        return _reach_of_address(ip_address(host))
    except ValueError:
        try:
            return _reach_of_address(ip_address(socket.inet_aton(host)))
        except (OSError, UnicodeError):
            return Reach.PUBLIC


def _reach_of_address(address: IPv4Address | IPv6Address) -> Reach:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return Reach.LOCAL
    return Reach.PUBLIC if address.is_global else Reach.PRIVATE
