"""Which registry lists in which way: what the configuration says, else what is known of the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from crfs_dav.names import DOCKER_HUB, Registry
from crfs_dav.registry.credentials.secret import Credentials
from crfs_dav.registry.listers.catalog import CatalogLister
from crfs_dav.registry.listers.gitlab import GITLAB_API, GitlabLister
from crfs_dav.registry.listers.google import GoogleLister
from crfs_dav.registry.listers.harbor import HarborLister
from crfs_dav.registry.listers.hub import HUB_API, HubLister
from crfs_dav.registry.listers.ibm import IAM_API, IbmLister
from crfs_dav.registry.listers.lister import Lister
from crfs_dav.registry.listers.nothing import NoLister
from crfs_dav.registry.listers.quay import QuayLister
from crfs_dav.registry.settings import ListingKind, ListingSettings

Make: TypeAlias = Callable[[str | None, Credentials], Lister]
"""A lister, told the URL of its API where that is unusual, and what opens registries."""

_KINDS: dict[ListingKind, Make] = {
    "catalog": lambda api, credentials: CatalogLister(),
    "google": lambda api, credentials: GoogleLister(),
    "hub": lambda api, credentials: HubLister(api or HUB_API),
    "quay": lambda api, credentials: QuayLister(),
    "harbor": lambda api, credentials: HarborLister(),
    "gitlab": lambda api, credentials: GitlabLister(api or GITLAB_API),
    "ibm": lambda api, credentials: IbmLister(credentials, api or IAM_API),
    "none": lambda api, credentials: NoLister(),
}

_HOSTS: dict[str, ListingKind] = {
    DOCKER_HUB: "hub",
    "gcr.io": "google",
    "registry.k8s.io": "google",
    "quay.io": "quay",
    "registry.gitlab.com": "gitlab",
    "ghcr.io": "none",
    "icr.io": "ibm",
}
_DOMAINS: dict[str, ListingKind] = {".gcr.io": "google", ".pkg.dev": "google", ".icr.io": "ibm"}


class Listers:
    """Ways of listing by registry; `configured` goes before what is known of a host."""

    def __init__(self, configured: Mapping[Registry, ListingSettings], credentials: Credentials) -> None:
        self._credentials = credentials
        self._configured = {registry: self._made(listing) for registry, listing in configured.items()}

    def of(self, registry: Registry) -> Lister:
        """The way in which `registry` lists."""
        return self._configured.get(registry) or self._made(ListingSettings(known_kind(registry)))

    def _made(self, listing: ListingSettings) -> Lister:
        return _KINDS[listing.kind](listing.api, self._credentials)


def known_kind(registry: Registry) -> ListingKind:
    """The way in which the host of `registry` is known to list; the catalog where nothing is known."""
    for domain, kind in _DOMAINS.items():
        if registry.host.endswith(domain):
            return kind
    return _HOSTS.get(registry.host, "catalog")
