"""The composition root: settings to a running whole. Nothing else decides what wraps what."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from wsgiref.types import WSGIApplication

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.config import Config, is_loopback
from crfs_dav.dav.application import create_dav_app
from crfs_dav.images.catalog import Catalog
from crfs_dav.namespace.root import Policy, build_root
from crfs_dav.namespace.site import Site
from crfs_dav.namespace.views import images_view, layers_view
from crfs_dav.upstream import open_upstream

_ASKERS = 8  # tags asked at once for their digests


@dataclass(frozen=True)
class App:
    """The WSGI application, and how to end what works behind it."""

    wsgi: WSGIApplication
    close: Callable[[], None]


def create_app(config: Config) -> App:
    """Everything that `config` describes, built and connected; asks no registry. Raises BadConfig."""
    upstream = open_upstream(config)
    named = config.named_registries()
    catalog = Catalog(
        upstream.client,
        {registry: settings.repositories for registry, settings in named.items()},
        lifetime_seconds=config.tag_ttl_seconds,
    )
    platform = config.default_platform()
    askers = ThreadPoolExecutor(_ASKERS, thread_name_prefix="ask-tag")
    layers = Site(catalog, layers_view(upstream.images, platform), askers, config.listed_digests)
    images = Site(catalog, images_view(upstream.images, platform), askers, config.listed_digests)

    def close() -> None:
        askers.shutdown(wait=False, cancel_futures=True)
        upstream.close()

    root = build_root(layers, images, _policy(config))
    return App(create_dav_app(root, listings=MemoryStore(config.cache.listing_bytes)), close)


def _policy(config: Config) -> Policy:
    """On loopback any registry; open to a network, only those that the configuration names."""
    if is_loopback(config.host):
        return lambda registry: True
    return config.named_registries().__contains__
