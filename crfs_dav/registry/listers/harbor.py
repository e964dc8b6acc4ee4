"""Harbor: projects, and the repositories of each, by its own API.

`GET /api/v2.0/projects` and `/projects/{name}/repositories` (goharbor `api/v2.0/swagger.yaml`). This API shows
strangers what is public and never asks who they are. `/v2/_catalog` does, by Basic as the API takes it, though it opens
to administrators only (goharbor `src/server/middleware/v2auth`); so it is asked first, for the sake of the question.
"""

from __future__ import annotations

from contextlib import suppress

from crfs_dav.errors import AccessDenied
from crfs_dav.names import Registry
from crfs_dav.registry.listers.lister import ByNamespace, Level
from crfs_dav.registry.listing import linked, texts, walk_pages
from crfs_dav.registry.transport import Call, Transport

_PAGE_SIZE = 100  # more is refused
_SCOPE = ""  # one for both, so that both get the same authorization


class HarborLister(ByNamespace):
    """Projects that may be seen, and the repositories of each."""

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """Repositories of the project `place`; of the registry, its projects."""
        with suppress(AccessDenied), transport.ask(Call(registry, "_catalog?n=1", _SCOPE), transport.deadline()):
            pass
        where = f"/projects/{place}/repositories" if place else "/projects"
        call = Call(registry, "", _SCOPE, location=f"/api/v2.0{where}?page=1&page_size={_PAGE_SIZE}")
        return Level(name for page in walk_pages(transport, call, linked(None)) for name in texts(page.items, "name"))
