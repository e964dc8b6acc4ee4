"""Names that may be a tag or a longer repository name, and have not been told apart yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from crfs_dav.archive import Entry
from crfs_dav.errors import AccessDenied, CrfsError, NotFound
from crfs_dav.names import Reference
from crfs_dav.namespace.probes import is_probe
from crfs_dav.namespace.site import Site
from crfs_dav.tree.described import Description, description_of
from crfs_dav.tree.node import Directory, Node


class Repository(Directory, Protocol):
    """A directory of references and longer names, which may not be there."""

    def holds(self, name: str) -> bool:
        """True if `name` is a reference of this repository."""
        ...

    def exists(self) -> bool:
        """True if this is a repository or leads to one, as far as the registry shows."""
        ...

    def may_lead_on(self) -> bool:
        """True if longer names may be hidden below."""
        ...

    @property
    def is_short(self) -> bool:
        """True for a name as short as an owner and an image."""
        ...


class UndecidedDirectory:
    """A tag, or a longer name: settled when somebody looks inside, or asks what it is."""

    def __init__(self, site: Site, reference: Reference, longer: Repository | None) -> None:
        self._site = site
        self._reference = reference
        self._longer = longer

    @property
    def entry(self) -> Entry:
        """A directory; raises NotFound, AccessDenied where it is neither."""
        return self.decide().entry

    def lookup(self, name: str) -> Node:
        """Child of whichever it is: the longer name, if that has a reference `name`; raises NotFound."""
        if self._longer is not None and not self._site.catalog.has_answer(self._reference):
            if is_probe(name):
                raise NotFound(f"{name}: a name that systems look for everywhere; expected a tag")
            if self._longer.holds(name):
                return self._longer.lookup(name)
        return self.decide().lookup(name)

    def children(self) -> Mapping[str, Node]:
        """Children of whichever it is; raises NotFound, AccessDenied."""
        return self.decide().children()

    def description(self) -> Description | None:
        """What whichever it is says of itself; raises NotFound, AccessDenied."""
        return description_of(self.decide())

    def decide(self) -> Directory:
        """The image, if the tag exists, else the longer name; raises NotFound, AccessDenied, Unavailable."""
        try:
            return self._site.image(self._reference)
        except (NotFound, AccessDenied) as error:
            longer = self._longer
            if longer is not None and longer.exists():
                return longer
            if longer is None or not longer.may_lead_on():
                raise
            return longer if longer.is_short else PassageDirectory(longer, error)


class PassageDirectory:
    """A name that nothing is known to stand for, on a registry that lists nothing: longer names below it may exist."""

    def __init__(self, longer: Repository, error: CrfsError) -> None:
        self._longer = longer
        self._error = error

    @property
    def entry(self) -> Entry:
        """Nothing: raises what the registry said to its name."""
        raise self._error

    def lookup(self, name: str) -> Node:
        """Reference or longer name below; raises NotFound, AccessDenied, Unavailable."""
        return self._longer.lookup(name)

    def children(self) -> Mapping[str, Node]:
        """Nothing: raises what the registry said to its name."""
        raise self._error
