"""The composition root: settings to a running whole. Nothing else decides what wraps what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from wsgiref.types import WSGIApplication

from crfs_dav.access import allowed_registries
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.config import Config
from crfs_dav.dav.application import create_dav_app
from crfs_dav.formats.passes import PATIENCE_SECONDS
from crfs_dav.images.catalog import Catalog
from crfs_dav.namespace.local import LocalImagesDirectory, LocalLayersDirectory
from crfs_dav.namespace.root import Part, Policy, build_root
from crfs_dav.namespace.site import Site
from crfs_dav.namespace.views import images_view, layers_view
from crfs_dav.oci import Platform
from crfs_dav.tree.node import Directory
from crfs_dav.upstream import Local, open_upstream

_ASKERS = 8  # tags asked at once for their digests


@dataclass(frozen=True)
class App:
    """The WSGI application, and how to end what works behind it."""

    wsgi: WSGIApplication
    close: Callable[[], None]


def create_app(config: Config, *, patience_seconds: float = PATIENCE_SECONDS) -> App:
    """Everything that `config` describes, built and connected; asks no registry. Raises BadConfig.

    `patience_seconds` is as `open_upstream` has it.
    """
    upstream = open_upstream(config, patience_seconds=patience_seconds)
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
    local_layers, local_images = _local_directories(upstream.local, platform)

    def close() -> None:
        askers.shutdown(wait=False, cancel_futures=True)
        upstream.close()

    root = build_root(Part(layers, local_layers), Part(images, local_images), _policy(config))
    return App(create_dav_app(root, listings=MemoryStore(config.cache.listing_bytes)), close)


def _local_directories(local: Local | None, platform: Platform) -> tuple[Mapping[str, Directory], ...]:
    """What stands beside the registries, in layers and in images."""
    if local is None:
        return {}, {}
    layers = LocalLayersDirectory(local.files, local.images, layers_view(local.images, platform))
    return {"local": layers}, {"local": LocalImagesDirectory(local.files, images_view(local.images, platform))}


def _policy(config: Config) -> Policy:
    allows = allowed_registries(config)
    return lambda registry: allows(registry) is not None
