"""From a registry's name down to a reference: `<registry>/<owner>/<image>/<reference>`, at any depth.

A name below a repository may be a tag of it or the next component of a longer name. What is known without asking
decides first; then the registry is asked, as seldom as can be:

    my/                 a first component is a directory without asking
    my/ubuntu/          `my:ubuntu`, or the repository `my/ubuntu`? Left open until somebody looks inside,
    my/ubuntu/18.04/    because this name mostly settles it, with the one request that is needed anyway
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import AccessDenied, BadName, NotFound
from crfs_dav.names import (
    DOCKER_HUB,
    Reference,
    Registry,
    Repository,
    is_component,
    is_tag,
    parse_digest_file_name,
    parse_repository,
)
from crfs_dav.namespace.documents import README, no_listing_file
from crfs_dav.namespace.probes import is_probe
from crfs_dav.namespace.site import Site
from crfs_dav.namespace.undecided import UndecidedDirectory
from crfs_dav.tree.node import Node

# Referrers fallback tags, cosign's signatures and the like, external TOCs: reached as `@tag`, not listed.
_MACHINERY = re.compile(r"sha256-[0-9a-f]{64}(?:\.\w+)?|.+-esgztoc")
_USUAL_COMPONENTS = 2
_HUB_COMPONENTS = 2
_HIDDEN_COMPONENTS = 8  # of a name on a registry that lists nothing; each costs requests
_DIRECTORY = Entry("", Kind.DIR, mode=0o755)


class RepositoryDirectory:
    """A registry (no components) or a repository (some): tags, the digests they name, and longer names."""

    def __init__(self, site: Site, registry: Registry, components: tuple[str, ...] = ()) -> None:
        self._site = site
        self._registry = registry
        self._components = components
        self._name = "/".join(components)
        self.entry = _DIRECTORY

    @property
    def _repository(self) -> Repository:
        return parse_repository(self._registry, self._name)

    def lookup(self, name: str) -> Node:
        """Reference or longer name; raises NotFound, AccessDenied, Unavailable."""
        if is_probe(name):
            raise NotFound(f"{name}: a name that systems look for everywhere; expected a tag or a component")
        if name == README:
            return self._readme()
        if not self._components:
            return self._longer(name)
        reference = self._exact_reference(name)
        return self._tag_or_longer(name) if reference is None else self._site.image(reference)

    def children(self) -> Mapping[str, Node]:
        """Longer names, tags and digests as far as they are listed; raises NotFound where there are none at all."""
        listing = self._site.catalog.listing(self._registry, self._name)
        children: dict[str, Node] = {name: self._longer(name) for name in sorted(listing.components)}
        references = self._references(listing.components) if self._components else {}
        if listing.reason and not references:
            children[README] = no_listing_file(str(self._registry), listing.reason)
        if not listing.reason and len(self._components) > 1 and not children and not references:
            raise NotFound(f"repository: {self._registry}/{self._name}; expected one that has tags")
        return {**children, **references}

    def holds(self, name: str) -> bool:
        """True if `name` is a reference of this repository; raises Unavailable."""
        reference = self._exact_reference(name) or self._tag_reference(name)
        return reference is not None and self._site.catalog.is_image(reference)

    def exists(self) -> bool:
        """True if this is a repository or leads to one, as far as the registry shows; raises Unavailable."""
        if self.is_known() or self._site.catalog.is_repository(self._repository):
            return True
        parent, _, component = self._name.rpartition("/")
        return component in self._site.catalog.listing(self._registry, parent).components

    def may_lead_on(self) -> bool:
        """True if longer names may be hidden below: the registry does not list them, and the parent is no repository.

        Raises Unavailable.
        """
        depth = len(self._components)
        if depth > (_HUB_COMPONENTS if self._registry.host == DOCKER_HUB else _HIDDEN_COMPONENTS):
            return False
        parent = self._name.rpartition("/")[0]
        if not self._site.catalog.listing(self._registry, parent).reason:
            return False
        return not self._site.catalog.is_repository(parse_repository(self._registry, parent))

    @property
    def is_short(self) -> bool:
        """True for a name as short as an owner and an image."""
        return len(self._components) <= _USUAL_COMPONENTS

    def is_known(self) -> bool:
        """True if this is a repository, or leads to one, as far as known without asking."""
        return self._site.catalog.is_known(self._registry, self._name)

    def _longer(self, name: str) -> RepositoryDirectory:
        if not is_component(name):
            raise NotFound(f"{self._registry}/{self._name}: no {name[:150]!r}; expected a repository's component")
        return RepositoryDirectory(self._site, self._registry, (*self._components, name))

    def _exact_reference(self, name: str) -> Reference | None:
        """Reference of `sha256-<hex>` and `@tag`, the two spellings that cannot be a longer name."""
        if name.startswith("@"):
            return self._tag_reference(name[1:])
        if not name.startswith("sha"):
            return None  # soon, for each request comes by here
        try:
            return Reference(self._repository, digest=parse_digest_file_name(name))
        except BadName:
            return None

    def _tag_reference(self, tag: str) -> Reference | None:
        return Reference(self._repository, tag=tag) if is_tag(tag) else None

    def _tag_or_longer(self, name: str) -> Node:
        longer = self._longer(name) if is_component(name) else None
        if longer is not None and longer.is_known():
            return longer
        reference = self._tag_reference(name)
        if reference is None:
            raise NotFound(f"{self._registry}/{self._name}: no {name[:150]!r}; expected a tag or a component")
        undecided = UndecidedDirectory(self._site, reference, longer)
        left_open = longer is not None and len(self._components) == 1 and not self._site.catalog.has_answer(reference)
        return undecided if left_open else undecided.decide()

    def _references(self, taken: frozenset[str]) -> dict[str, Node]:
        repository, site = self._repository, self._site
        try:
            tags = tuple(tag for tag in site.catalog.tags(repository) if not _MACHINERY.fullmatch(tag.name))
        except (NotFound, AccessDenied):
            return {}
        nodes: dict[str, Node] = {
            (f"@{tag.name}" if tag.name in taken else tag.name): site.listed_image(Reference(repository, tag=tag.name))
            for tag in tags
        }
        for digest in site.digests(repository, tags):
            nodes[digest.file_name] = site.listed_image(Reference(repository, digest=digest))
        return nodes

    def _readme(self) -> Node:
        children = self.children()
        if README not in children:
            raise NotFound(f"{self._registry}/{self._name}: no {README}; expected a tag or a component")
        return children[README]
