"""What every command reads through: a client of the configured registries, and the images opened with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from crfs_dav.access import registry_settings
from crfs_dav.cache.copies import Copies
from crfs_dav.cache.disk import DiskStore
from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.tiered import TieredStore
from crfs_dav.config import BadConfig, Config, LimitsConfig
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.columnstore import ColumnStore, FileStore, NoFiles
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.passes import PATIENCE_SECONDS, Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.images.externaltoc import find_toc
from crfs_dav.images.local import LocalImages
from crfs_dav.images.store import ImageStore
from crfs_dav.images.trees import TreeStore
from crfs_dav.local.folder import LocalFolder
from crfs_dav.readers import ByteStore
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.connect import open_client
from crfs_dav.registry.traffic import Traffic
from crfs_dav.sparethreads import SpareThreads

_FETCHERS = 8  # requests ahead of readers, over all blobs; at most 4 MiB each
_ROOM_AHEAD = 16 << 20  # bytes of room for ranges, without which what comes ahead is gone before it is wanted
_UNPACKERS = 4  # chunks unpacked ahead of readers, over all files


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
    traffic: Traffic
    local: Local | None = None
    ahead: tuple[SpareThreads, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop opening layers and reading ahead, and close the connections that are kept."""
        for threads in self.ahead:
            threads.close()
        self.images.close()
        if self.local is not None:
            self.local.images.close()
        self.client.close()


def open_upstream(config: Config, *, patience_seconds: float = PATIENCE_SECONDS) -> Upstream:
    """Everything below the namespace that `config` describes; asks no registry. Raises BadConfig.

    `patience_seconds` bounds how long anyone waits for a layer that has to be read through.
    """
    settings = registry_settings(config)
    client = open_client(settings)
    passes = Passes(patience_seconds=patience_seconds)
    fetchers, unpackers = SpareThreads(_FETCHERS, "fetch-ahead"), SpareThreads(_UNPACKERS, "unpack-ahead")
    files = _index_files(config)
    means = Means(
        MemoryStore(config.cache.chunk_bytes),
        _spools(config),
        limits=layer_limits(config.limits),
        columns=ColumnStore(files),
        passes=passes,
        ahead=unpackers,
    )
    toc_of = partial(find_toc, client, config.limits.toc_compressed_bytes)
    copies = _copies(config, passes)
    ahead = fetchers if config.cache.range_bytes + config.cache.disk_bytes >= _ROOM_AHEAD else None
    trees = TreeStore(files)
    images = ImageStore(client, _range_store(config), means, trees=trees, find_toc=toc_of, copies=copies, ahead=ahead)
    return Upstream(client, images, settings.traffic, _local(config, means, trees), (fetchers, unpackers))


def _local(config: Config, means: Means, trees: TreeStore) -> Local | None:
    if config.local is None:
        return None
    folder = Path(config.local).expanduser()
    if not folder.is_dir():
        raise BadConfig(f"local: {folder}; expected a folder")
    believing = replace(means.limits, verified_tar=0)  # what lies here
    own = replace(means, chunks=MemoryStore(config.cache.range_bytes), limits=believing)
    files = LocalImages(LocalFolder(folder), own)
    return Local(files, ImageStore(files, MemoryStore(0), own, trees=trees))


def layer_limits(limits: LimitsConfig) -> Limits:
    """Bounds of what is read of a layer."""
    return Limits(
        toc_compressed=limits.toc_compressed_bytes,
        toc_inflated=limits.toc_inflated_bytes,
        content=limits.content_bytes,
        verified_tar=limits.verified_tar_bytes,
        entries=limits.entries,
        image_entries=limits.image_entries,
        text_in_all=limits.names_bytes,
        xattrs=limits.entry_xattrs_bytes,
        xattrs_in_all=limits.xattrs_bytes,
        chunks=limits.file_chunks,
        chunk=limits.chunk_bytes,
        zstd_window_log=limits.zstd_window_log,
    )


def _range_store(config: Config) -> ByteStore:
    memory = MemoryStore(config.cache.range_bytes)
    if config.cache.disk_bytes == 0:
        return memory
    return TieredStore([memory, DiskStore(config.cache_directory(), config.cache.disk_bytes)])


def _spools(config: Config) -> Spools | None:
    if config.cache.spool_bytes == 0:
        return None
    cache = config.cache
    files = MappedFiles(config.cache_directory() / "spool", cache.spool_bytes, max_age_seconds=cache.spool_age_seconds)
    files.make_room(0)  # by removing what is too old
    return Spools(files)


def _copies(config: Config, passes: Passes) -> Copies | None:
    if config.cache.spool_bytes == 0:
        return None
    return Copies(config.cache_directory() / "spool", config.cache.spool_bytes, passes.run)


def _index_files(config: Config) -> FileStore:
    if config.cache.index_bytes == 0:
        return NoFiles()
    return MappedFiles(config.cache_directory() / "indexes", config.cache.index_bytes)
