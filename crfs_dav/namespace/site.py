"""What every level of the path needs to know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from crfs_dav.errors import CrfsError
from crfs_dav.images.catalog import Catalog
from crfs_dav.names import Digest, Reference, Repository
from crfs_dav.namespace.views import View
from crfs_dav.registry.listing import Tag
from crfs_dav.tree.lazy import LazyDirectory
from crfs_dav.tree.node import Directory


@dataclass(frozen=True, slots=True)
class Site:
    """What names mean, how an image is shown, and how many tags of a repository get their digests listed."""

    catalog: Catalog
    view: View
    askers: ThreadPoolExecutor
    digest_limit: int

    def image(self, reference: Reference) -> Directory:
        """Directory of what `reference` names; raises NotFound, AccessDenied, Unavailable."""
        descriptor = self.catalog.resolve(reference)
        return LazyDirectory(lambda: self.view(reference.repository, descriptor))

    def listed_image(self, reference: Reference) -> Directory:
        """The same for a reference that the registry has listed: asked for when somebody looks inside."""
        return LazyDirectory(lambda: self.view(reference.repository, self.catalog.resolve(reference)))

    def digests(self, repository: Repository, tags: tuple[Tag, ...]) -> set[Digest]:
        """What `tags` name, as far as their list says; else asked at once, unless there are too many to ask for.

        Without those that cannot be had.
        """
        told = {tag.digest for tag in tags if tag.digest is not None}
        untold = [Reference(repository, tag=tag.name) for tag in tags if tag.digest is None]
        if len(untold) > self.digest_limit:
            return told
        return told.union(filter(None, self.askers.map(self._digest, untold)))

    def _digest(self, reference: Reference) -> Digest | None:
        try:
            return self.catalog.resolve(reference).digest
        except CrfsError:
            return None
