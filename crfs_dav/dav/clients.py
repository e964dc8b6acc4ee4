"""What differs from client to client, in one record each: for the WebDAV client of Windows, and for all others.

Names are spelled so that Windows can hold them, and a listing keeps below the size at which Windows refuses it whole
(`FileAttributesLimitInBytes`, 1,000,000: KB 912152). Everybody else sees names as they are, and all properties.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crfs_dav.dav.names import spellings, windows_spellings
from crfs_dav.dav.windows import spell_all
from crfs_dav.dav.xmlnames import XmlName
from crfs_dav.tree.node import Node

_WINDOWS = re.compile(r"Microsoft-WebDAV-MiniRedir\b|DavClnt\b")

Members = Iterable[tuple[str, Node]]
PropertySet = frozenset[XmlName]


@dataclass(frozen=True, slots=True)
class Client:
    """How names are read and shown, and what an allprop holds.

    Of `allprops`, the first whose answer keeps below `listing_bytes` is taken, else the last; where there are none,
    all usual properties are shown.
    """

    name: str
    spellings: Callable[[str], Iterable[str]]
    shown: Callable[[Members], Members]
    allprops: tuple[PropertySet, ...] = ()
    listing_bytes: int = 0


def client_of(user_agent: str | None) -> Client:
    """The client that calls itself `user_agent`."""
    return WINDOWS if user_agent is not None and _WINDOWS.match(user_agent) else ANYONE


def _spelled(members: Members) -> Iterator[tuple[str, Node]]:
    listed = list(members)
    texts = spell_all(name for name, _ in listed)
    return ((text, node) for text, (_, node) in zip(texts, listed, strict=True))


def _dav(*names: str) -> PropertySet:
    return frozenset(XmlName("DAV:", name) for name in names)


_LEAST = ("resourcetype", "getcontentlength", "getlastmodified")
ANYONE = Client("anyone", spellings, lambda members: members)
WINDOWS = Client(
    "windows",
    windows_spellings,
    _spelled,
    allprops=(_dav(*_LEAST, "creationdate", "getetag"), _dav(*_LEAST, "creationdate"), _dav(*_LEAST)),
    listing_bytes=990_000,
)
