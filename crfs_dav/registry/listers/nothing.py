"""Registries that list no repositories, or none that anybody wants: GHCR's catalog is a dump of all its names."""

from __future__ import annotations

from crfs_dav.errors import NotFound
from crfs_dav.names import Registry
from crfs_dav.registry.listers.lister import Level
from crfs_dav.registry.listing import PAGE_SIZE
from crfs_dav.registry.transport import Transport


class NoLister:
    """No names, and nobody asked for them."""

    page_size = PAGE_SIZE
    has_tags = False

    def place(self, name: str) -> str:
        """The registry."""
        return ""

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """Nothing: raises NotFound."""
        raise NotFound(f"{registry} has no list of repositories")
