"""The answer to a PROPFIND: a `multistatus` rendered as text, entry by entry (RFC 4918 sections 9.1 and 13).

No element tree and no white space between elements: a listing costs some microseconds an entry and streams. Each
`response` has one href, the `propstat` of 200 first, and no href anywhere else: there are clients that take the first
`propstat` for the only one, and others that take each href for an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from crfs_dav.dav.clients import Client
from crfs_dav.dav.names import quote
from crfs_dav.dav.properties import PROPERTIES, Property, Shown
from crfs_dav.dav.queries import Mode, Query
from crfs_dav.dav.response import Response
from crfs_dav.dav.xmlnames import element
from crfs_dav.tree.node import Node

XML_TYPE = ("Content-Type", "application/xml; charset=utf-8")

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_MULTISTATUS = ('<D:multistatus xmlns:D="DAV:">', "</D:multistatus>")
_FOUND = ("<D:propstat><D:prop>", "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>")
_MISSING = ("<D:propstat><D:prop>", "</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>")

Named = tuple[str, Node]
Propstats = Callable[[Shown], str]


def multistatus(query: Query, path: str, resource: Named, members: Iterable[Named]) -> Iterator[str]:
    """The answer's text, in pieces: the resource at href `path`, which has no trailing slash, then its members."""
    propstats = _propstats(query)
    yield f"{_HEAD}{_MULTISTATUS[0]}"
    shown = Shown(*resource)
    slash = "/" if shown.is_directory else ""
    yield f"<D:response><D:href>{path}{slash}</D:href>{propstats(shown)}</D:response>"
    for name, node in members:
        shown = Shown(name, node)
        slash = "/" if shown.is_directory else ""
        yield f"<D:response><D:href>{path}/{quote(name)}{slash}</D:href>{propstats(shown)}</D:response>"
    yield _MULTISTATUS[1]


def fitting(query: Query, client: Client, size_of: Callable[[Query], int]) -> Query:
    """`query` for `client`: an allprop gets the fullest set of properties whose answer is as small as it has to be."""
    if query.mode is not Mode.ALLPROP or not client.allprops:
        return query
    queries = [replace(query, usual=usual) for usual in client.allprops]
    return next((each for each in queries[:-1] if size_of(each) <= client.listing_bytes), queries[-1])


def infinite_depth_refused() -> Response:
    """403 with the precondition code for a depth that nobody can be served (RFC 4918 section 9.1)."""
    body = f'{_HEAD}<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>'.encode()
    return Response("403 Forbidden", [XML_TYPE, ("Content-Length", str(len(body)))], (body,))


def _propstats(query: Query) -> Propstats:
    """What renders the properties asked for, made once for all entries of an answer."""
    if query.mode is Mode.PROPNAME:
        return _names
    if query.mode is Mode.PROP:
        return _named(query)
    included = [PROPERTIES[name] for name in query.names if name in PROPERTIES]
    usual = [each for each in PROPERTIES.values() if _is_usual(each, query) and each not in included]
    return _all([*usual, *included])


def _is_usual(each: Property, query: Query) -> bool:
    return each.in_allprop if query.usual is None else each.name in query.usual


def _all(properties: list[Property]) -> Propstats:
    renderers = [each.render for each in properties]

    def propstats(shown: Shown) -> str:
        found = "".join([text for render in renderers if (text := render(shown)) is not None])
        return f"{_FOUND[0]}{found}{_FOUND[1]}"

    return propstats


def _named(query: Query) -> Propstats:
    known = [each for name in query.names if (each := PROPERTIES.get(name))]
    unknown = "".join(element(name).empty for name in query.names if name not in PROPERTIES)

    def propstats(shown: Shown) -> str:
        found, missing = "", unknown
        for each in known:
            text = each.value(shown)
            if text:
                found += f"{each.start}{text}{each.end}"
            elif text is None:
                missing += each.empty
            else:
                found += each.empty
        first = f"{_FOUND[0]}{found}{_FOUND[1]}" if found or not missing else ""
        return f"{first}{_MISSING[0]}{missing}{_MISSING[1]}" if missing else first

    return propstats


def _names(shown: Shown) -> str:
    """Names without values of what this very resource has."""
    found = "".join([each.empty for each in PROPERTIES.values() if each.value(shown) is not None])
    return f"{_FOUND[0]}{found}{_FOUND[1]}"
