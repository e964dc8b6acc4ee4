"""What every command reads through: a client of the configured registries, and the images opened with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from crfs_dav.cache.disk import DiskStore
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.tiered import TieredStore
from crfs_dav.config import BadConfig, Config, LimitsConfig, password_of
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.columnstore import ColumnStore, NoFiles
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.spool import Spools
from crfs_dav.images.local import LocalImages
from crfs_dav.images.store import ImageStore
from crfs_dav.local.folder import LocalFolder
from crfs_dav.names import Registry
from crfs_dav.readers import ByteStore
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.connect import open_client
from crfs_dav.registry.settings import Listing, Login, RegistrySettings
from crfs_dav.sparethreads import SpareThreads

_UNPACKERS = 4  # chunks unpacked ahead of who reads them, over all files
_FETCHERS = 8  # pieces of blobs fetched ahead, over all blobs; at most 4 MiB each


@dataclass(frozen=True)
class Local:
    """Images and archives of this machine's disk, and what has been opened of them: nothing is shared with registries.

    So what a file claims to be harms no image of a registry.
    """

    files: LocalImages
    images: ImageStore


@dataclass(frozen=True)
class Upstream:
    """Registries and images, as one configuration reads them; a context manager that ends what works behind them."""

    client: RegistryClient
    images: ImageStore
    local: Local | None = None
    ahead: tuple[SpareThreads, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop opening layers, and close the connections that are kept."""
        for threads in self.ahead:
            threads.close()
        self.images.close()
        if self.local is not None:
            self.local.images.close()
        self.client.close()


def open_upstream(config: Config) -> Upstream:
    """Everything below the namespace that `config` describes; asks no registry. Raises BadConfig."""
    client = open_client(registry_settings(config))
    unpackers = SpareThreads(_UNPACKERS, "unpack-ahead")
    means = Means(
        MemoryStore(config.cache.chunk_bytes),
        _spools(config),
        limits=layer_limits(config.limits),
        columns=_column_store(config),
        ahead=unpackers,
    )
    fetchers = SpareThreads(_FETCHERS, "fetch-ahead")
    images = ImageStore(client, _range_store(config), means, ahead=fetchers)
    return Upstream(client, images, _local(config, means), (unpackers, fetchers))


def _local(config: Config, means: Means) -> Local | None:
    if config.local is None:
        return None
    folder = Path(config.local).expanduser()
    if not folder.is_dir():
        raise BadConfig(f"local: {folder}; expected a folder")
    own = replace(means, chunks=MemoryStore(config.cache.range_bytes))
    files = LocalImages(LocalFolder(folder), own)
    return Local(files, ImageStore(files, MemoryStore(0), own))


def layer_limits(limits: LimitsConfig) -> Limits:
    """Bounds of what is read of a layer."""
    return Limits(
        toc_compressed=limits.toc_compressed_bytes,
        toc_inflated=limits.toc_inflated_bytes,
        content=limits.content_bytes,
        entries=limits.entries,
        image_entries=limits.image_entries,
        text_in_all=limits.names_bytes,
        xattrs=limits.entry_xattrs_bytes,
        xattrs_in_all=limits.xattrs_bytes,
        chunks=limits.file_chunks,
        chunk=limits.chunk_bytes,
        zstd_window_log=limits.zstd_window_log,
    )


def registry_settings(config: Config) -> RegistrySettings:
    """How `config` has registries talked to; raises BadConfig for a password that is not where it should be."""
    named = config.named_registries()
    logins: dict[Registry, Login] = {}
    for registry, settings in named.items():
        password = password_of(settings)
        if settings.username is not None and password is not None:
            logins[registry] = Login(settings.username, password)
    return RegistrySettings(
        schemes={registry: settings.scheme for registry, settings in named.items() if settings.scheme is not None},
        credentials=logins.get,
        listings={
            registry: Listing(settings.listing, settings.listing_url)
            for registry, settings in named.items()
            if settings.listing is not None
        },
        workers=config.threads,
        connect_seconds=config.limits.connect_timeout_seconds,
        read_seconds=config.limits.read_timeout_seconds,
        deadline_seconds=config.limits.deadline_seconds,
    )


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
