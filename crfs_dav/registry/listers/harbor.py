"""Harbor: projects, and the repositories of each, by its own API.

`GET /api/v2.0/projects` and `/projects/{name}/repositories` (goharbor `api/v2.0/swagger.yaml`). Its `/v2/_catalog` is
for administrators only.
"""

from __future__ import annotations

from crfs_dav.names import Registry
from crfs_dav.registry.listers.lister import ByNamespace, Level
from crfs_dav.registry.listing import linked, texts, walk_pages
from crfs_dav.registry.transport import Call, Transport

_PAGE_SIZE = 100  # more is refused


class HarborLister(ByNamespace):
    """Projects that may be seen, and the repositories of each."""

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """Repositories of the project `place`; of the registry, its projects."""
        where = f"/projects/{place}/repositories" if place else "/projects"
        call = Call(registry, "", "", location=f"/api/v2.0{where}?page=1&page_size={_PAGE_SIZE}")
        return Level(name for page in walk_pages(transport, call, linked(None)) for name in texts(page.items, "name"))
