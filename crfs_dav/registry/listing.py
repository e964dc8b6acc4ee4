"""Names that a registry lists page by page: tags of a repository, repositories of a registry.

Tags: OCI distribution-spec v1.1, "Listing Tags". Repositories: `_catalog` of the distribution project's API, which
the specification dropped and most registries kept. Next pages come by `Link` (RFC 8288).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

from requests.utils import parse_header_links

from crfs_dav.errors import AccessDenied, Corrupt
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.transport import Call, Transport
from crfs_dav.registry.urls import origin, resolve_url, shown

_log = logging.getLogger(__name__)

_PAGE_SIZE = 1000  # names; ECR and the distribution project refuse more
_PAGE_LIMIT = 16 << 20  # bytes
_PAGES = 1000
_NAMES = 200_000
_HEADER_LIMIT = 8 << 10  # characters of a Link header


def list_names(transport: Transport, call: Call, key: str) -> Iterator[str]:
    """Texts under `key` of the pages that start at `call`, each page asked for when it is needed.

    Ends early, with a warning in the log, where a registry leads in a circle, to another host, or past any bound.
    All pages together get the time of one call. Raises NotFound, AccessDenied, Unavailable, Corrupt.
    """
    seconds = transport.deadline().remaining
    page_call, seen, count = replace(call, path=f"{call.path}?n={_PAGE_SIZE}"), set[str](), 0
    while len(seen) < _PAGES and count < _NAMES:
        deadline = Deadline(seconds, transport.clock)
        reply, body = transport.fetch(page_call, _PAGE_LIMIT, deadline)
        seconds = deadline.remaining
        for name in _texts(body, key, reply.what):
            yield name
            count += 1
        seen.add(reply.url)
        following = next_url(reply.headers.get("Link", ""), reply.url)
        if following is None:
            return
        if following in seen:
            break
        page_call = replace(call, location=following)
    _log.warning("%s/v2/%s: listing stopped after %d names; expected an end", call.registry, call.path, count)


def next_url(link: str, url: str) -> str | None:
    """URL of the page after the one at `url`, whose header is `link`; None after the last.

    Raises AccessDenied for another host, Corrupt for what is no URL. The same host over http means the page's
    own scheme: a registry behind a proxy does not know that it is spoken to by https.
    """
    for parsed in parse_header_links(link[:_HEADER_LIMIT]):
        if "next" in parsed.get("rel", "").lower().split():
            following = resolve_url(url, parsed["url"])
            break
    else:
        return None
    (scheme, host, port), (own_scheme, own_host, own_port) = origin(following), origin(url)
    if host != own_host or (scheme == own_scheme and port != own_port):
        raise AccessDenied(f"{shown(url)}: next page at {shown(following)}; expected the same host")
    if scheme == own_scheme:
        return following
    return resolve_url(url, following[following.index("/", len(scheme) + len("://")) :])


def _texts(body: bytes, key: str, what: str) -> list[str]:
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        raise Corrupt(f"{what}: no JSON; expected an object with {key}") from None
    names = page.get(key) if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(names, list | None):
        raise Corrupt(f"{what}: no list; expected an object with {key}")
    return [name for name in names or () if isinstance(name, str)]
