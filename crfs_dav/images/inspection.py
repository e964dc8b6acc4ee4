"""All that can be told of an image for a few requests: its platforms, its layers, and how each can be read."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound
from crfs_dav.formats.probe import Probe
from crfs_dav.images.platforms import INDEX_DEPTH, Platforms
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Reference, Repository
from crfs_dav.oci import Descriptor, ImageConfig, Manifest, Offer, Platform, may_be_archive

_PROBERS = 8  # layers looked at at once

Found: TypeAlias = Probe | CrfsError | None
"""How a layer can be read, or why that is not known; None for what is no archive."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One image: what `reference` names, what an index offers, what was chosen of that, and its layers, base first."""

    reference: Reference
    descriptor: Descriptor
    offers: Sequence[Offer]
    image: Descriptor
    manifest: Manifest
    config: ImageConfig | None
    layers: Sequence[tuple[Descriptor, Found]]


def inspect_image(store: ImageStore, reference: Reference, descriptor: Descriptor, platform: Platform) -> Inspection:
    """What `descriptor`, which `reference` names, is; of an index, its image for `platform`.

    Raises NotFound, AccessDenied, Unavailable, Corrupt; what is wrong with one layer is told with it.
    """
    image, manifest, offers = choose_image(store, reference, descriptor, platform)
    found = _probe_all(store, reference.repository, manifest)
    config = store.config(reference.repository, manifest)
    return Inspection(reference, descriptor, offers, image, manifest, config, found)


def choose_image(
    store: ImageStore, reference: Reference, descriptor: Descriptor, platform: Platform
) -> tuple[Descriptor, Manifest, Sequence[Offer]]:
    """The image manifest that `descriptor`, which `reference` names, is or offers for `platform`; and all offers.

    Raises NotFound, AccessDenied, Unavailable, Corrupt.
    """
    repository = reference.repository
    image, offers = descriptor, tuple[Offer, ...]()
    for _ in range(INDEX_DEPTH + 1):
        manifest = store.manifest(repository, image)
        if isinstance(manifest, Manifest):
            return image, manifest, offers
        platforms = Platforms(store, repository, manifest)
        offers = offers or platforms.offers
        image = platforms.choose(platform)
    raise Corrupt(f"{reference}: an index inside {INDEX_DEPTH} others; expected a manifest")


def _probe_all(store: ImageStore, repository: Repository, manifest: Manifest) -> Sequence[tuple[Descriptor, Found]]:
    def probed(layer: Descriptor) -> tuple[Descriptor, Found]:
        try:
            return layer, store.probe(repository, layer) if may_be_archive(layer, manifest) else None
        except (NotFound, AccessDenied, Corrupt) as error:
            return layer, error

    with ThreadPoolExecutor(_PROBERS, thread_name_prefix="probe-layer") as probers:
        return tuple(probers.map(probed, manifest.layers))
