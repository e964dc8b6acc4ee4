"""XML names with their namespaces, and the tags that spell them.

`DAV:` is `D:` everywhere: Windows 7 wants a prefix (golang/go issue 11177). Any other namespace is declared where it
is used.
"""

from __future__ import annotations

from typing import NamedTuple
from xml.sax.saxutils import quoteattr

_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"  # bound to `xml`, and no other prefix may be bound to it


class XmlName(NamedTuple):
    """A namespace, `""` for none, and a local name."""

    namespace: str
    local: str


class Tags(NamedTuple):
    """The tags around a value, and the tag that stands for no value."""

    start: str
    end: str
    empty: str


def element(name: XmlName) -> Tags:
    """The tags of an element called `name`, inside a document that declares `D`."""
    namespace, local = name
    if namespace in _PREFIXES:
        qualified, declaration = f"{_PREFIXES[namespace]}{local}", ""
    else:
        qualified, declaration = f"N:{local}", f" xmlns:N={quoteattr(namespace)}"
    return Tags(f"<{qualified}{declaration}>", f"</{qualified}>", f"<{qualified}{declaration}/>")


_PREFIXES = {"DAV:": "D:", "": "", _XML_NAMESPACE: "xml:"}
