"""Which registry lists in which way: what the configuration says, else what is known of the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crfs_dav.names import DOCKER_HUB, Registry
from crfs_dav.registry.listers.catalog import CatalogLister
from crfs_dav.registry.listers.gitlab import GITLAB_API, GitlabLister
from crfs_dav.registry.listers.google import GoogleLister
from crfs_dav.registry.listers.harbor import HarborLister
from crfs_dav.registry.listers.hub import HUB_API, HubLister
from crfs_dav.registry.listers.lister import Lister
from crfs_dav.registry.listers.nothing import NoLister
from crfs_dav.registry.listers.quay import QuayLister
from crfs_dav.registry.settings import Listing, ListingKind

_KINDS: dict[ListingKind, Callable[[str | None], Lister]] = {
    "catalog": lambda api: CatalogLister(),
    "google": lambda api: GoogleLister(),
    "hub": lambda api: HubLister(api or HUB_API),
    "quay": lambda api: QuayLister(),
    "harbor": lambda api: HarborLister(),
    "gitlab": lambda api: GitlabLister(api or GITLAB_API),
    "none": lambda api: NoLister(),
}

_HOSTS: dict[str, ListingKind] = {
    DOCKER_HUB: "hub",
    "gcr.io": "google",
    "registry.k8s.io": "google",
    "quay.io": "quay",
    "registry.gitlab.com": "gitlab",
    "ghcr.io": "none",
}
_GOOGLE_DOMAINS = (".gcr.io", ".pkg.dev")


class Listers:
    """Ways of listing by registry; `configured` goes before what is known of a host."""

    def __init__(self, configured: Mapping[Registry, Listing]) -> None:
        self._configured = {registry: _lister(listing) for registry, listing in configured.items()}

    def of(self, registry: Registry) -> Lister:
        """The way in which `registry` lists."""
        return self._configured.get(registry) or _lister(Listing(known_kind(registry)))


def known_kind(registry: Registry) -> ListingKind:
    """The way in which the host of `registry` is known to list; the catalog where nothing is known."""
    if registry.host.endswith(_GOOGLE_DOMAINS):
        return "google"
    return _HOSTS.get(registry.host, "catalog")


def _lister(listing: Listing) -> Lister:
    return _KINDS[listing.kind](listing.api)
