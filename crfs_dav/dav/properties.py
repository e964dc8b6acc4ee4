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
from xml.sax.saxutils import escape

from crfs_dav.dav.content import etag_of
from crfs_dav.dav.dates import http_date, iso_date, seconds_of
from crfs_dav.dav.media_types import stated_type
from crfs_dav.dav.names import quote
from crfs_dav.dav.xmlnames import XmlName, element
from crfs_dav.tree.node import File, Node, is_directory

DAV = "DAV:"
APACHE = "http://apache.org/dav/props/"
CRFS = "urn:crfs-dav:entry"

# XML 1.0 section 2.2: the characters that no document may hold, not even as a reference.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ValueOf = Callable[[str, Node], str | None]


@dataclass(frozen=True, slots=True)
class Property:
    """A property of some or all resources.

    `value` gives its XML text for a resource of some name, None where that resource has no such property.
    """

    name: XmlName
    value: ValueOf
    start: str
    end: str
    empty: str
    in_allprop: bool

    def render(self, name: str, node: Node) -> str | None:
        """The element with its value, None where the resource has no such property."""
        text = self.value(name, node)
        if not text:
            return text if text is None else self.empty
        return f"{self.start}{text}{self.end}"


def xml_text(text: str) -> str:
    """Any text as XML character data; what XML cannot hold (controls, lone surrogates) becomes U+FFFD."""
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})


def _resource_type(_name: str, node: Node) -> str:
    return "<D:collection/>" if is_directory(node) else ""


def _content_length(_name: str, node: Node) -> str | None:
    return None if is_directory(node) else str(node.entry.size)


def _last_modified(_name: str, node: Node) -> str:
    return http_date(seconds_of(node.entry.mtime))


def _creation_date(_name: str, node: Node) -> str:
    return iso_date(seconds_of(node.entry.mtime))


def _of_file(value: Callable[[str, File], str | None]) -> ValueOf:
    """A property that only files have."""

    def value_of(name: str, node: Node) -> str | None:
        return None if is_directory(node) else value(name, node)  # type: ignore[arg-type]  # what is no directory is a File

    return value_of


def _executable(_name: str, file: File) -> str:
    return "T" if file.entry.mode & 0o111 else "F"


def _optional(value: Callable[[Node], object]) -> ValueOf:
    """A property that a resource has where `value` is something, escaped as text."""
    return lambda _name, node: xml_text(str(found)) if (found := value(node)) else None


def _xattrs(node: Node) -> str:
    """`<quoted name>=<base64 of the value>`, by name, separated by spaces."""
    pairs = sorted(node.entry.xattrs.items())
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
    _property(DAV, "getetag", _of_file(lambda _name, file: etag_of(file)), in_allprop=True),
    _property(DAV, "getcontenttype", _of_file(stated_type), in_allprop=True),
    _property(APACHE, "executable", _of_file(_executable)),
    _property(CRFS, "mode", lambda _name, node: f"{node.entry.mode:04o}"),
    _property(CRFS, "owner", lambda _name, node: str(node.entry.uid)),
    _property(CRFS, "group", lambda _name, node: str(node.entry.gid)),
    _property(CRFS, "owner-name", _optional(lambda node: node.entry.user_name)),
    _property(CRFS, "group-name", _optional(lambda node: node.entry.group_name)),
    _property(CRFS, "kind", lambda _name, node: node.entry.kind.value),
    _property(CRFS, "link-target", _optional(lambda node: node.entry.link_name)),
    _property(CRFS, "digest", _optional(lambda node: node.entry.digest)),
    _property(CRFS, "xattrs", _optional(_xattrs)),
)
