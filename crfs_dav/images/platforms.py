"""What an index offers: a manifest for each platform, those of indexes inside it too.

An entry need not say its platform (image-index.md): then the image's config does. Reading that costs two requests, so
nobody is asked while what is stated will do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property

from crfs_dav.errors import AccessDenied, Corrupt, NotFound
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Repository
from crfs_dav.oci import DEFAULT_PLATFORM, Descriptor, Index, Offer, Platform, best_offer, stated_offers

_log = logging.getLogger(__name__)

INDEX_DEPTH = 4  # indexes in indexes; the specification sets no bound
_READ_LIMIT = 64  # manifests that are read to learn what they are for


class Platforms:
    """The offers of one index; for any thread."""

    def __init__(self, store: ImageStore, repository: Repository, index: Index) -> None:
        self._store = store
        self._repository = repository
        self._stated = stated_offers(index)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """All of them, in order; raises Unavailable."""
        return tuple(self._resolved(self._stated, INDEX_DEPTH, iter(range(_READ_LIMIT))))

    def choose(self, platform: Platform) -> Descriptor:
        """The manifest for `platform`; raises NotFound, Unavailable."""
        best = best_offer(self._stated, platform)
        if best is None and any(offer.platform is None for offer in self._stated):
            best = best_offer(self.offers, platform)
        if best is not None:
            return best
        found = ", ".join(str(offer.platform or "unknown") for offer in self._stated[:20]) or "none"
        raise NotFound(f"platform: {found}; expected {platform}")

    def _resolved(self, offers: list[Offer], depth: int, reads: Iterator[int]) -> Iterator[Offer]:
        """`offers`, each with its platform; indexes that state none are taken apart. Reads as often as `reads` goes."""
        for offer in offers:
            if offer.platform is not None or next(reads, None) is None:
                yield offer
                continue
            try:
                manifest = self._store.manifest(self._repository, offer.descriptor)
            except (NotFound, AccessDenied, Corrupt) as error:
                _log.info("%s@%s: no platform: %s", self._repository, offer.descriptor.digest, error)
                yield offer
                continue
            if not isinstance(manifest, Index):
                config = self._store.config(self._repository, manifest)
                yield offer._replace(platform=(config and config.platform) or DEFAULT_PLATFORM)
            elif depth:
                yield from self._resolved(stated_offers(manifest), depth - 1, reads)
