"""What a registry lists page by page: tags of a repository, names of repositories.

Tags: OCI distribution-spec v1.1, "Listing Tags"; with Google's two additions, `child` and `manifest` (ggcr
`pkg/v1/google/list.go`), where they are there. Names of repositories: `listers`. Next pages come by `Link` (RFC 8288)
or in the body.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from requests.utils import parse_header_links

from crfs_dav.errors import AccessDenied, BadName, Corrupt
from crfs_dav.names import Digest, Repository, is_tag, parse_digest
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.transport import Call, Transport
from crfs_dav.registry.urls import origin, resolve_url, shown

_log = logging.getLogger(__name__)

T = TypeVar("T")

PAGE_SIZE = 1000  # names; ECR and the distribution project refuse more
_PAGE_LIMIT = 16 << 20  # bytes
_PAGES = 1000
_ITEMS = 200_000
_HEADER_LIMIT = 8 << 10  # characters of a Link header


class Tag(NamedTuple):
    """A tag, and what it points at where the listing says so."""

    name: str
    digest: Digest | None = None


class Page(NamedTuple):
    """One page of a list: the values that stand for its items, the whole body, and the next page's URL, if any."""

    items: Sequence[Any]
    body: Mapping[str, Any]
    following: str | None


ReadPage = Callable[[Reply, bytes], Page]


def walk_pages(transport: Transport, first: Call, read: ReadPage) -> Iterator[Page]:
    """Pages from `first` on, each asked for when it is needed.

    Ends early, with a warning in the log, where a registry leads in a circle or past any bound. All pages together
    get the time of one call. Raises NotFound, AccessDenied, Unavailable, Corrupt.
    """
    seconds = transport.deadline().remaining
    call, seen, count = first, set[str](), 0
    while len(seen) < _PAGES and count < _ITEMS:
        deadline = Deadline(seconds, transport.clock)
        reply, body = transport.fetch(call, _PAGE_LIMIT, deadline)
        seconds = deadline.remaining
        page = read(reply, body)
        yield page
        count += len(page.items)
        seen.add(reply.url)
        if page.following is None:
            return
        if page.following in seen:
            break
        call = replace(first, location=page.following)
    _log.warning("%s: listing stopped after %d names; expected an end", shown(reply.what), count)


def linked(key: str | None) -> ReadPage:
    """Reads pages that hold a list under `key`, or are one (None), and name the next in their `Link` header."""

    def read(reply: Reply, body: bytes) -> Page:
        found = parse_page(body, key, reply.what)
        return found._replace(following=next_url(reply.headers.get("Link", ""), reply.url))

    return read


def parse_page(body: bytes, key: str | None, what: str) -> Page:
    """The page in `body`, as far as the body says; raises Corrupt."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Corrupt(f"{what}: no JSON; expected a list{f' under {key}' if key else ''}") from None
    whole = value if isinstance(value, dict) else {}
    items = value
    if key and isinstance(value, dict):
        items = whole.get(key) or []  # `"tags": null` of a repository that has none
    if not isinstance(items, list) or (key and value is items):
        raise Corrupt(f"{what}: {type(items).__name__}; expected {f'an object with a list {key}' if key else 'a list'}")
    return Page(items, MappingProxyType(whole), None)


def texts(items: Sequence[Any], key: str) -> Iterator[str]:
    """What the objects among `items` have under `key`, where that is text."""
    for item in items:
        text = item.get(key) if isinstance(item, dict) else None
        if isinstance(text, str):
            yield text


def tag_pages(transport: Transport, repository: Repository, page_size: int) -> Iterator[Page]:
    """Pages of the tags of `repository`; what Google's say besides is in their bodies."""
    call = Call(repository.registry, f"{repository.name}/tags/list?n={page_size}", repository.scope())
    return walk_pages(transport, call, linked("tags"))


def tags_of(page: Page) -> Iterator[Tag]:
    """Legal tags of a page of `tag_pages`."""
    digests = _google_digests(page.body.get("manifest"))
    return (Tag(name, digests.get(name)) for name in page.items if isinstance(name, str) and is_tag(name))


def _google_digests(manifests: Any) -> dict[str, Digest]:
    """Digests by tag in Google's `manifest` map, whose keys are digests."""
    found: dict[str, Digest] = {}
    for key, about in manifests.items() if isinstance(manifests, dict) else ():
        tags = about.get("tag") if isinstance(about, dict) else None
        try:
            digest = parse_digest(key)
        except BadName:
            continue
        found.update((tag, digest) for tag in (tags if isinstance(tags, list) else ()) if isinstance(tag, str))
    return found


def next_url(link: str, url: str) -> str | None:
    """URL of the page after the one at `url`, whose header is `link`; None after the last.

    Raises AccessDenied for another host, Corrupt for what is no URL.
    """
    for parsed in parse_header_links(link[:_HEADER_LIMIT]):
        if "next" in parsed.get("rel", "").lower().split():
            return following_url(parsed["url"], url)
    return None


def following_url(text: str, url: str) -> str:
    """URL that `text` in the page at `url` names; raises AccessDenied, Corrupt as `next_url` does.

    The same host over http means the page's own scheme: a registry behind a proxy does not know that it is spoken to
    by https.
    """
    following = resolve_url(url, text)
    (scheme, host, port), (own_scheme, own_host, own_port) = origin(following), origin(url)
    if host != own_host or (scheme == own_scheme and port != own_port):
        raise AccessDenied(f"{shown(url)}: next page at {shown(following)}; expected the same host")
    if scheme == own_scheme:
        return following
    return resolve_url(url, following[following.index("/", len(scheme) + len("://")) :])
