"""What all ways of listing have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from crfs_dav.names import Registry
from crfs_dav.registry.listing import PAGE_SIZE, Tag
from crfs_dav.registry.transport import Transport


class Level(NamedTuple):
    """What a registry lists at one place: names of repositories below it, or such as lead to them.

    `names` come page by page. `tags` are those of the place itself, where they come along; `reason` says why there
    are other names too, where that is so.
    """

    names: Iterable[str]
    tags: tuple[Tag, ...] = ()
    reason: str = ""


class Lister(Protocol):
    """One way of listing; without state."""

    page_size: int  # of lists of tags
    has_tags: bool  # whether a level tells the tags of its place

    def place(self, name: str) -> str:
        """The name whose level tells what lies directly below `name` (`""`: the whole registry)."""
        ...

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """What lies below `place`; raises NotFound, AccessDenied where that is not told, Unavailable, Corrupt."""
        ...


class ByNamespace:
    """Ways that have a list for each first component, and maybe one of those."""

    page_size = PAGE_SIZE
    has_tags = False

    def place(self, name: str) -> str:
        """The first component."""
        return name.partition("/")[0]
