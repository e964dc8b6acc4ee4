"""The body of a PROPFIND: which properties it asks for (RFC 4918 section 14.20).

The parser is expat, kept on a short lead: no document type (so no entities, RFC 4918 section 20.6), bounded size,
depth and count of elements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import NoReturn
from xml.parsers import expat

from crfs_dav.dav.status import BadRequest
from crfs_dav.dav.xmlnames import XmlName

BODY_LIMIT = 64 << 10
_DEPTH_LIMIT = 32
_ELEMENTS_LIMIT = 1000
_SEPARATOR = " "  # legal in no local name
# A namespace is a URI (RFC 3986); parsers built on libxml2 would throw our whole answer away for any other.
_NAMESPACE = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?:#[A-Za-z0-9._~:/?-]*)?")

_PROPFIND = XmlName("DAV:", "propfind")
_PROP = XmlName("DAV:", "prop")
_INCLUDE = XmlName("DAV:", "include")


class Mode(Enum):
    """What is asked for: some properties with values, the names of all, or a usual set with values."""

    PROP = "prop"
    PROPNAME = "propname"
    ALLPROP = "allprop"


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed PROPFIND body; `names` are those of `prop` or `include`, each once.

    `usual` is what an allprop means here, None for all that has no reason to be left out.
    """

    mode: Mode
    names: tuple[XmlName, ...] = ()
    usual: frozenset[XmlName] | None = None


def parse_query(body: bytes) -> Query:
    """What `body` asks for; all properties where it is empty. Raises BadRequest."""
    if not body.strip():
        return Query(Mode.ALLPROP)
    if len(body) > BODY_LIMIT:
        _refuse(f"{len(body)} bytes", f"at most {BODY_LIMIT}")
    outline = _Outline()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.StartElementHandler = outline.start
    parser.EndElementHandler = outline.end
    parser.StartDoctypeDeclHandler = outline.doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        _refuse(str(error), "well-formed XML")
    return outline.query()


@dataclass(slots=True)
class _Outline:
    """The elements down to the third level, which is all that a PROPFIND is made of."""

    _open: list[XmlName] = field(default_factory=list)
    _count: int = 0
    _modes: set[str] = field(default_factory=set)
    _names: dict[XmlName, None] = field(default_factory=dict)

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        namespace, _, local = tag.rpartition(_SEPARATOR)
        name = XmlName(namespace, local)
        self._count += 1
        if self._count > _ELEMENTS_LIMIT or len(self._open) >= _DEPTH_LIMIT:
            _refuse("too many or too deep elements", f"at most {_ELEMENTS_LIMIT}, {_DEPTH_LIMIT} deep")
        if not self._open and name != _PROPFIND:
            _refuse(f"element {local[:50]!r}", "a DAV: propfind")
        if len(self._open) == 1 and namespace == "DAV:":
            self._modes.add(local)
        if len(self._open) == 2 and self._open[1] in (_PROP, _INCLUDE):
            if not _NAMESPACE.fullmatch(namespace):
                _refuse(f"namespace {namespace[:150]!r}", "a URI")
            self._names[name] = None
        self._open.append(name)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def doctype(self, *_declaration: object) -> None:
        _refuse("a document type", "none")

    def query(self) -> Query:
        """The query, of exactly one mode; elements that are not known are ignored (RFC 4918 section 17)."""
        modes = [mode for mode in Mode if mode.value in self._modes]
        if len(modes) != 1 or (modes[0] is not Mode.ALLPROP and "include" in self._modes):
            _refuse(f"{len(modes)} of prop, propname, allprop", "one of them")
        return Query(modes[0], tuple(self._names))


def _refuse(found: str, wanted: str) -> NoReturn:
    raise BadRequest(f"propfind body: {found}; expected {wanted}")
