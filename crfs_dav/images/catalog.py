"""What names mean now: tags, lists of tags, lists of repositories; each answer with a lifetime.

Asking a registry costs time and, on some, money; so answers are remembered, "no" as well as "yes".
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from crfs_dav.errors import AccessDenied, NotFound
from crfs_dav.images.expiring import Expiring
from crfs_dav.names import Reference, Registry, Repository
from crfs_dav.oci import Descriptor
from crfs_dav.registry.client import RegistryClient

_USED_LIMIT = 10_000  # repositories remembered because somebody typed them


class RepositoryNames:
    """Repository names as a tree of components; `""` is its root. Grows only."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._next: defaultdict[str, set[str]] = defaultdict(set)
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Enter `name` and all that leads to it."""
        prefix = ""
        for component in name.split("/"):
            self._next[prefix].add(component)
            prefix = f"{prefix}/{component}" if prefix else component
        self._next.setdefault(prefix, set())

    def __contains__(self, prefix: object) -> bool:
        return prefix in self._next

    def next_components(self, prefix: str) -> frozenset[str]:
        """Components that follow `prefix` in some name."""
        return frozenset(self._next.get(prefix, ()))


class Listing(NamedTuple):
    """Next components below a name, and where the registry does not list them all, the reason."""

    components: frozenset[str]
    reason: str


class Catalog:
    """Names of all registries, as far as asked for; safe for any thread.

    `configured` names repositories that are listed whether or not their registry offers a listing.
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
        self._descriptors: Expiring[Reference, Descriptor] = Expiring(lifetime_seconds)
        self._tags: Expiring[Repository, tuple[str, ...]] = Expiring(lifetime_seconds)
        self._listed: Expiring[Registry, RepositoryNames] = Expiring(lifetime_seconds)

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

    def tags(self, repository: Repository) -> tuple[str, ...]:
        """Tags of `repository` in the registry's order; raises NotFound, AccessDenied, Unavailable."""
        return self._tags.get(repository, lambda: tuple(self._client.tags(repository)))

    def is_repository(self, repository: Repository) -> bool:
        """True if `repository` lists its tags to us; raises Unavailable."""
        try:
            self.tags(repository)
        except (NotFound, AccessDenied):
            return False
        return True

    def is_known(self, registry: Registry, name: str) -> bool:
        """True if `name` is a repository, or leads to one, as far as known without asking."""
        listed = self._listed.peek(registry)
        with self._lock:
            return name in self._names.get(registry, ()) or (listed is not None and name in listed)

    def listing(self, registry: Registry, name: str = "") -> Listing:
        """Components below `name`: listed by the registry, configured, or used; raises Unavailable."""
        listed, reason = RepositoryNames(), ""
        try:
            listed = self._listed.get(registry, lambda: RepositoryNames(self._client.repositories(registry)))
        except (NotFound, AccessDenied) as error:
            reason = str(error)
        with self._lock:
            known = self._names.get(registry, RepositoryNames()).next_components(name)
        return Listing(listed.next_components(name) | known, reason)

    def _use(self, repository: Repository) -> None:
        with self._lock:
            names = self._names.get(repository.registry)
            if names is not None and repository.name in names:
                return
            if self._used_count < _USED_LIMIT:
                self._used_count += 1
                self._names.setdefault(repository.registry, RepositoryNames()).add(repository.name)
