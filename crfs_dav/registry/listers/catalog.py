"""`/v2/_catalog`: all names at once.

In the distribution project's API (`docs/content/spec/api.md`), which zot, Harbor, ECR, ACR, Artifactory, Nexus and
Gitea follow; the OCI specification dropped it.
"""

from __future__ import annotations

from collections.abc import Iterator

from crfs_dav.names import Registry
from crfs_dav.registry.listers.lister import Level
from crfs_dav.registry.listing import PAGE_SIZE, linked, walk_pages
from crfs_dav.registry.transport import Call, Transport

_SCOPE = ""  # the challenge names one where it is wanted; Quay refuses registry:catalog:* that is not


class CatalogLister:
    """Names of the whole registry."""

    page_size = PAGE_SIZE
    has_tags = False

    def place(self, name: str) -> str:
        """The registry."""
        return ""

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """All repositories."""
        return Level(catalog_names(transport, registry))


def catalog_names(transport: Transport, registry: Registry) -> Iterator[str]:
    """What `_catalog` of `registry` admits to, page by page."""
    pages = walk_pages(transport, Call(registry, f"_catalog?n={PAGE_SIZE}", _SCOPE), linked("repositories"))
    return (name for page in pages for name in page.items if isinstance(name, str))
