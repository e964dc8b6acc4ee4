"""Google's registries: `tags/list` at any depth tells the next components, too.

ggcr `pkg/v1/google/list.go`. Public repositories tell it anonymously; the catalog wants a Google token.
"""

from __future__ import annotations

from crfs_dav.names import Registry, parse_repository
from crfs_dav.registry.listers.catalog import catalog_names
from crfs_dav.registry.listers.lister import Level
from crfs_dav.registry.listing import tag_pages, tags_of
from crfs_dav.registry.transport import Transport


class GoogleLister:
    """Names one level at a time."""

    page_size = 10_000  # as in ggcr: there is no second page
    has_tags = True

    def place(self, name: str) -> str:
        """The name itself."""
        return name

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """Children of `place`, and its tags; of the registry, its catalog."""
        if not place:
            return Level(catalog_names(transport, registry))
        repository = parse_repository(registry, place)
        pages = list(tag_pages(transport, repository, self.page_size))
        children = (child for page in pages for child in _children(page.body.get("child")))
        return Level((f"{place}/{child}" for child in children), tuple(tag for page in pages for tag in tags_of(page)))


def _children(value: object) -> list[str]:
    return [child for child in value if isinstance(child, str)] if isinstance(value, list) else []
