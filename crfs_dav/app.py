"""The composition root: settings to a running whole. Nothing else decides what wraps what."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from wsgiref.types import WSGIApplication

from crfs_dav.cache.disk import DiskStore
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.tiered import TieredStore
from crfs_dav.config import Config, is_loopback, password_of
from crfs_dav.dav.application import create_dav_app
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.columnstore import ColumnStore, NoFiles
from crfs_dav.formats.spool import Spools
from crfs_dav.images.catalog import Catalog
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Registry
from crfs_dav.namespace.root import Policy, build_root
from crfs_dav.namespace.site import Site
from crfs_dav.namespace.views import images_view, layers_view
from crfs_dav.readers import ByteStore
from crfs_dav.registry.connect import open_client
from crfs_dav.registry.settings import Login, RegistrySettings

_ASKERS = 8  # tags asked at once for their digests


@dataclass(frozen=True)
class App:
    """The WSGI application, and how to end what works behind it."""

    wsgi: WSGIApplication
    close: Callable[[], None]


def create_app(config: Config) -> App:
    """Everything that `config` describes, built and connected; asks no registry. Raises BadConfig."""
    client = open_client(_registry_settings(config))
    chunks = MemoryStore(config.cache.chunk_bytes)
    means = Means(chunks, _spools(config), columns=_column_store(config))
    store = ImageStore(client, _range_store(config), means)
    named = config.named_registries()
    catalog = Catalog(
        client,
        {registry: settings.repositories for registry, settings in named.items()},
        lifetime_seconds=config.tag_ttl_seconds,
    )
    platform = config.default_platform()
    askers = ThreadPoolExecutor(_ASKERS, thread_name_prefix="ask-tag")
    layers = Site(catalog, layers_view(store, platform), askers, config.listed_digests)
    images = Site(catalog, images_view(store, platform), askers, config.listed_digests)

    def close() -> None:
        askers.shutdown(wait=False, cancel_futures=True)
        store.close()
        client.close()

    root = build_root(layers, images, _policy(config))
    return App(create_dav_app(root, listings=MemoryStore(config.cache.listing_bytes)), close)


def _policy(config: Config) -> Policy:
    """On loopback any registry; open to a network, only those that the configuration names."""
    if is_loopback(config.host):
        return lambda registry: True
    return config.named_registries().__contains__


def _range_store(config: Config) -> ByteStore:
    memory = MemoryStore(config.cache.range_bytes)
    if config.cache.disk_bytes == 0:
        return memory
    return TieredStore([memory, DiskStore(config.cache_directory(), config.cache.disk_bytes)])


def _spools(config: Config) -> Spools | None:
    if config.cache.spool_bytes == 0:
        return None
    return Spools(config.cache_directory() / "spool", config.cache.spool_bytes)


def _column_store(config: Config) -> ColumnStore:
    if config.cache.index_bytes == 0:
        return ColumnStore(NoFiles())
    return ColumnStore(MappedFiles(config.cache_directory() / "indexes", config.cache.index_bytes))


def _registry_settings(config: Config) -> RegistrySettings:
    named = config.named_registries()
    logins: dict[Registry, Login] = {}
    for registry, settings in named.items():
        password = password_of(settings)
        if settings.username is not None and password is not None:
            logins[registry] = Login(settings.username, password)
    return RegistrySettings(
        schemes={registry: settings.scheme for registry, settings in named.items() if settings.scheme is not None},
        credentials=logins.get,
        workers=config.threads,
        connect_seconds=config.limits.connect_timeout_seconds,
        read_seconds=config.limits.read_timeout_seconds,
        deadline_seconds=config.limits.deadline_seconds,
    )
