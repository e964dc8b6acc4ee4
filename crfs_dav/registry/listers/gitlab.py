"""GitLab: repositories of a group and of all groups below it, by the API of GitLab itself, without credentials.

`GET /api/v4/groups/{group}/registry/repositories` (docs.gitlab.com/ee/api/container_registry.html). It lists what is
public; projects of a user, who is no group, are not listed.
"""

from __future__ import annotations

from crfs_dav.errors import NotFound
from crfs_dav.names import Registry
from crfs_dav.registry.listers.lister import ByNamespace, Level
from crfs_dav.registry.listing import linked, texts, walk_pages
from crfs_dav.registry.transport import Call, Transport

GITLAB_API = "https://gitlab.com"

_PAGE_SIZE = 100  # more is cut to this


class GitlabLister(ByNamespace):
    """Public repositories by first group; groups are not listed."""

    def __init__(self, api: str = GITLAB_API) -> None:
        self._api = api

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """Repositories of the group `place`; raises NotFound for the registry as a whole."""
        if not place:
            raise NotFound(f"{registry} lists the public repositories of a group, but no groups")
        url = f"{self._api}/api/v4/groups/{place}/registry/repositories?per_page={_PAGE_SIZE}"
        call = Call(registry, "", "", location=url)
        return Level(name for page in walk_pages(transport, call, linked(None)) for name in texts(page.items, "path"))
