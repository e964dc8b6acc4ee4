"""The live properties: name to value function (RFC 4918 section 15), ready-made XML around the values.

Not here, on purpose: quota (macOS 15.4 and later hang 90 s on it), displayname (a name that XML or Windows cannot
hold would void the whole listing), supportedlock and lockdiscovery (class 1 has no locks). No getcontenttype where only
first bytes could tell it: what GET says of such a file grows with what was read, and gvfs and KIO guess better by name.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast
from xml.sax.saxutils import escape

from crfs_dav.archive import Stat
from crfs_dav.dav.content import etag_of
from crfs_dav.dav.dates import clamped, http_date, iso_date
from crfs_dav.dav.media_types import stated_type
from crfs_dav.dav.names import quote
from crfs_dav.dav.xmlnames import XmlName, element
from crfs_dav.tree.node import File, Node, is_directory, stat_of_node

DAV = "DAV:"
APACHE = "http://apache.org/dav/props/"
CRFS = "urn:crfs-dav:entry"

# XML 1.0 section 2.2: the characters that no document may hold, not even as a reference.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Shown:
    """A resource as properties see it. Its entry is made only for properties that few clients ask for."""

    __slots__ = ("_stat", "is_directory", "name", "node")

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node
        self.is_directory = is_directory(node)
        self._stat: Stat | None = None

    @property
    def stat(self) -> Stat:
        """What most properties are made of; raises what the node's entry raises."""
        if self._stat is None:
            self._stat = stat_of_node(self.node)
        return self._stat


ValueOf = Callable[[Shown], str | None]


@dataclass(frozen=True, slots=True)
class Property:
    """A property of some or all resources.

    `value` gives its XML text for a resource, None where that resource has no such property.
    """

    name: XmlName
    value: ValueOf
    start: str
    end: str
    empty: str
    in_allprop: bool

    def render(self, shown: Shown) -> str | None:
        """The element with its value, None where the resource has no such property."""
        text = self.value(shown)
        if not text:
            return text if text is None else self.empty
        return f"{self.start}{text}{self.end}"


def xml_text(text: str) -> str:
    """Any text as XML character data; what XML cannot hold (controls, lone surrogates) becomes U+FFFD."""
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})


def _resource_type(shown: Shown) -> str:
    return "<D:collection/>" if shown.is_directory else ""


def _content_length(shown: Shown) -> str | None:
    return None if shown.is_directory else str(shown.stat.size)


def _last_modified(shown: Shown) -> str:
    return http_date(clamped(shown.stat.seconds))


def _creation_date(shown: Shown) -> str:
    return iso_date(clamped(shown.stat.seconds))


def _etag(shown: Shown) -> str | None:
    return None if shown.is_directory else etag_of(cast(File, shown.node))  # what is no directory is a File


def _content_type(shown: Shown) -> str | None:
    return None if shown.is_directory else stated_type(shown.name, shown.stat.xattrs)


def _executable(shown: Shown) -> str | None:
    if shown.is_directory:
        return None
    return "T" if shown.stat.mode & 0o111 else "F"


def _optional(value: Callable[[Shown], object]) -> ValueOf:
    """A property that a resource has where `value` is something, escaped as text."""
    return lambda shown: xml_text(str(found)) if (found := value(shown)) else None


def _xattrs(shown: Shown) -> str:
    """`<quoted name>=<base64 of the value>`, by name, separated by spaces."""
    pairs = sorted(shown.stat.xattrs.items())
    return " ".join(f"{quote(name)}={b64encode(value).decode()}" for name, value in pairs)


def _property(namespace: str, local: str, value: ValueOf, *, in_allprop: bool = False) -> Property:
    name = XmlName(namespace, local)
    return Property(name, value, *element(name), in_allprop)


def _table(*properties: Property) -> Mapping[XmlName, Property]:
    return {each.name: each for each in properties}


PROPERTIES = _table(
    _property(DAV, "resourcetype", _resource_type, in_allprop=True),
    _property(DAV, "getcontentlength", _content_length, in_allprop=True),
    _property(DAV, "getlastmodified", _last_modified, in_allprop=True),
    _property(DAV, "creationdate", _creation_date, in_allprop=True),
    _property(DAV, "getetag", _etag, in_allprop=True),
    _property(DAV, "getcontenttype", _content_type, in_allprop=True),
    _property(APACHE, "executable", _executable),
    _property(CRFS, "mode", lambda shown: f"{shown.stat.mode:04o}"),
    _property(CRFS, "owner", lambda shown: str(shown.node.entry.uid)),
    _property(CRFS, "group", lambda shown: str(shown.node.entry.gid)),
    _property(CRFS, "owner-name", _optional(lambda shown: shown.node.entry.user_name)),
    _property(CRFS, "group-name", _optional(lambda shown: shown.node.entry.group_name)),
    _property(CRFS, "kind", lambda shown: shown.node.entry.kind.value),
    _property(CRFS, "link-target", _optional(lambda shown: shown.node.entry.link_name)),
    _property(CRFS, "digest", _optional(lambda shown: shown.stat.digest)),
    _property(CRFS, "xattrs", _optional(_xattrs)),
)
