"""Docker Hub: repositories of a namespace, by the API of its web site; public ones, without credentials.

`GET /v2/namespaces/{namespace}/repositories` (docs.docker.com/reference/api/hub). It has rate limits of its own, and
none of pulls.
"""

from __future__ import annotations

from collections.abc import Iterator

from crfs_dav.names import Registry
from crfs_dav.registry.listers.lister import ByNamespace, Level
from crfs_dav.registry.listing import Page, following_url, parse_page, texts, walk_pages
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.transport import Call, Transport

HUB_API = "https://hub.docker.com"

_OFFICIAL = "library"
_PAGE_SIZE = 100  # more is cut to this


class HubLister(ByNamespace):
    """Public repositories by namespace; of the namespaces, only that of the official images is listed."""

    def __init__(self, api: str = HUB_API) -> None:
        self._api = api

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """Repositories of the namespace `place`."""
        if not place:
            return Level([_OFFICIAL], reason=f"{registry} lists the repositories of a namespace, but no namespaces")
        return Level(self._names(transport, registry, place))

    def _names(self, transport: Transport, registry: Registry, namespace: str) -> Iterator[str]:
        url = f"{self._api}/v2/namespaces/{namespace}/repositories?page_size={_PAGE_SIZE}"
        for page in walk_pages(transport, Call(registry, "", "", location=url), _read):
            yield from (f"{namespace}/{name}" for name in texts(page.items, "name"))


def _read(reply: Reply, body: bytes) -> Page:
    page = parse_page(body, "results", reply.what)
    following = page.body.get("next")
    return page._replace(following=following_url(following, reply.url) if isinstance(following, str) else None)
