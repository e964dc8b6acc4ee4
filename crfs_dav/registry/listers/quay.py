"""Quay: public repositories of a namespace, by its own API, without credentials.

`GET /api/v1/repository?namespace=N&public=true` (docs.quay.io/api). Private ones would want an OAuth token: what opens
the registry does not open this API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from crfs_dav.errors import NotFound
from crfs_dav.names import Registry
from crfs_dav.registry.listers.lister import ByNamespace, Level
from crfs_dav.registry.listing import Page, parse_page, texts, walk_pages
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.transport import Call, Transport
from crfs_dav.registry.urls import resolve_url

_TOKEN_LIMIT = 4000  # characters


class QuayLister(ByNamespace):
    """Public repositories by namespace; namespaces are not listed."""

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """Repositories of the namespace `place`; raises NotFound for the registry as a whole."""
        if not place:
            raise NotFound(f"{registry} lists the public repositories of a namespace, but no namespaces")
        return Level(self._names(transport, registry, place))

    def _names(self, transport: Transport, registry: Registry, namespace: str) -> Iterator[str]:
        location = f"/api/v1/repository?namespace={namespace}&public=true"
        for page in walk_pages(transport, Call(registry, "", "", location=location), _read):
            yield from (f"{namespace}/{name}" for name in texts(page.items, "name"))


def _read(reply: Reply, body: bytes) -> Page:
    page = parse_page(body, "repositories", reply.what)
    token = page.body.get("next_page")
    if not isinstance(token, str) or not token or len(token) > _TOKEN_LIMIT:
        return page
    first = re.sub("&next_page=.*", "", reply.url)
    return page._replace(following=resolve_url(first, f"{first}&next_page={quote(token, safe='')}"))
