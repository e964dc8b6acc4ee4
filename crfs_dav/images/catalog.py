"""What names mean now: tags, lists of tags, lists of repositories; each answer with a lifetime.

Asking a registry costs time and, on some, money; so answers are remembered, "no" as well as "yes".
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from crfs_dav.errors import AccessDenied, NotFound, Unavailable
from crfs_dav.images.expiring import Expiring
from crfs_dav.images.outages import Outages
from crfs_dav.images.repositorynames import RepositoryNames
from crfs_dav.names import Reference, Registry, Repository
from crfs_dav.oci import Descriptor
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.listing import Tag

_USED_LIMIT = 10_000  # repositories remembered because somebody typed them


class Listing(NamedTuple):
    """Next components below a name, and where the registry does not list them all, the reason."""

    components: frozenset[str]
    reason: str


class _Level(NamedTuple):
    """What a registry listed at one place, and the reason why that is not all."""

    names: RepositoryNames
    reason: str
    tags: tuple[Tag, ...] = ()


_Place = tuple[Registry, str]


class Catalog:
    """Names of all registries, as far as asked for; safe for any thread.

    `configured` names repositories that are listed whether or not their registry offers a listing. What was seen of a
    registry keeps working while it is down.
    """

    def __init__(
        self,
        client: RegistryClient,
        configured: Mapping[Registry, Iterable[str]],
        *,
        lifetime_seconds: float,
    ) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._names = {registry: RepositoryNames(names) for registry, names in configured.items()}
        self._used_count = 0
        outages = Outages()
        self._descriptors: Expiring[Reference, Descriptor] = Expiring(
            lifetime_seconds, on_stale=lambda reference, error: outages.report(reference.repository.registry, error)
        )
        self._tags: Expiring[Repository, tuple[Tag, ...]] = Expiring(
            lifetime_seconds, on_stale=lambda repository, error: outages.report(repository.registry, error)
        )
        self._levels: Expiring[_Place, _Level] = Expiring(
            lifetime_seconds, on_stale=lambda place, error: outages.report(place[0], error)
        )

    def registries(self) -> Sequence[Registry]:
        """Registries configured, and those that were used with success since the start."""
        with self._lock:
            return tuple(self._names)

    def resolve(self, reference: Reference) -> Descriptor:
        """What `reference` names now; raises NotFound, AccessDenied, Unavailable."""
        descriptor = self._descriptors.get(reference, lambda: self._client.resolve(reference))
        self._use(reference.repository)
        return descriptor

    def is_image(self, reference: Reference) -> bool:
        """True if `reference` names something that we may read; raises Unavailable."""
        try:
            self.resolve(reference)
        except (NotFound, AccessDenied):
            return False
        return True

    def has_answer(self, reference: Reference) -> bool:
        """True if `resolve` would answer, or raise, without asking the registry."""
        return self._descriptors.has_answer(reference)

    def tags(self, repository: Repository) -> tuple[Tag, ...]:
        """Tags of `repository` in the registry's order; raises NotFound, AccessDenied, Unavailable."""
        if self._client.level_has_tags(repository.registry):
            return self._level((repository.registry, repository.name)).tags
        return self._tags.get(repository, lambda: tuple(self._client.tags(repository)))

    def is_repository(self, repository: Repository) -> bool:
        """True if `repository` lists its tags to us; raises Unavailable."""
        try:
            self.tags(repository)
        except (NotFound, AccessDenied):
            return False
        return True

    def is_known(self, registry: Registry, name: str) -> bool:
        """True if `name` is a repository, or leads to one, as far as it was ever seen; nobody is asked."""
        with self._lock:
            if name in self._names.get(registry, ()):
                return True
        level = self._levels.recall(self._place(registry, name.rpartition("/")[0]))
        return level is not None and name in level.names

    def listing(self, registry: Registry, name: str = "") -> Listing:
        """Components below `name`: listed by the registry, configured, or used; raises Unavailable."""
        try:
            level = self._level(self._place(registry, name))
        except (NotFound, AccessDenied) as error:
            level = _Level(RepositoryNames(), str(error))
        with self._lock:
            known = self._names.get(registry, RepositoryNames()).next_components(name)
        return Listing(level.names.next_components(name) | known, level.reason)

    def _place(self, registry: Registry, name: str) -> _Place:
        return registry, self._client.listing_place(registry, name)

    def _level(self, place: _Place) -> _Level:
        return self._levels.get(place, lambda: self._load(place))

    def _load(self, place: _Place) -> _Level:
        """What the registry lists there: where it breaks off and nothing better was seen before, what came until then.

        Raises NotFound, AccessDenied, Unavailable.
        """
        level = self._client.level(*place)
        names, reason = RepositoryNames(), level.reason
        try:
            for name in level.names:
                names.add(name)
        except Unavailable as error:
            if not names.next_components("") or self._levels.recall(place) is not None:
                raise
            reason = f"the list broke off: {error}"
        return _Level(names, reason, level.tags)

    def _use(self, repository: Repository) -> None:
        with self._lock:
            names = self._names.get(repository.registry)
            if names is not None and repository.name in names:
                return
            if self._used_count < _USED_LIMIT:
                self._used_count += 1
                self._names.setdefault(repository.registry, RepositoryNames()).add(repository.name)
