"""Settings: frozen records made of a YAML file, checked strictly, with every default in one place.

`conf/crfs-dav.yaml` lists every option with its default and a line of why; a test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from crfs_dav.errors import BadName, CrfsError
from crfs_dav.names import Registry, parse_registry, parse_repository
from crfs_dav.oci import Platform, parse_platform
from crfs_dav.registry.mirrors import parse_mirror

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Processes = Annotated[int, msgspec.Meta(ge=1, le=64)]
Size = Annotated[int, msgspec.Meta(ge=0)]
WindowLog = Annotated[int, msgspec.Meta(ge=10, le=31)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]

_FILE_LIMIT = 1 << 20  # bytes
_LISTINGS_BY_URL = ("hub", "gitlab")


class BadConfig(CrfsError):
    """A setting that cannot be: its text is for the person who wrote it."""


class RegistryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One registry that the configuration names."""

    scheme: Literal["http", "https"] | None = None
    repositories: tuple[str, ...] = ()
    listing: Literal["catalog", "google", "hub", "quay", "harbor", "gitlab", "ibm", "none"] | None = None
    listing_url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#@\s]+$")] | None = None
    username: str | None = None
    password_file: str | None = None
    password_env: str | None = None
    ca_bundle: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    insecure: bool = False
    mirrors: tuple[str, ...] = ()


class CredentialsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where credentials may come from besides the registries' own options."""

    files: bool = True
    helpers: bool = True
    google_metadata: bool = False


class CacheConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where and how much is remembered; sizes in bytes."""

    directory: str | None = None
    disk_bytes: Size = 10 << 30
    range_bytes: Size = 32 << 20
    chunk_bytes: Size = 64 << 20
    listing_bytes: Size = 16 << 20
    spool_bytes: Size = 4 << 30
    spool_age_seconds: Annotated[float, msgspec.Meta(gt=0)] = 7 * 86400.0
    index_bytes: Size = 1 << 30


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds in time towards the registries, and of what is read of layers that others made."""

    connect_timeout_seconds: Seconds = 5.0
    read_timeout_seconds: Seconds = 10.0
    deadline_seconds: Seconds = 20.0
    toc_compressed_bytes: Size = 64 << 20
    toc_inflated_bytes: Size = 512 << 20
    content_bytes: Size = 64 << 30
    verified_tar_bytes: Size = 16 << 20
    entries: Size = 2_000_000
    image_entries: Size = 5_000_000
    names_bytes: Size = 256 << 20
    xattrs_bytes: Size = 64 << 20
    entry_xattrs_bytes: Size = 64 << 10
    file_chunks: Size = 1_000_000
    chunk_bytes: Size = 64 << 20
    zstd_window_log: WindowLog = 27


_DEFAULT_REGISTRIES = (
    "docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "us.gcr.io",
    "eu.gcr.io",
    "asia.gcr.io",
    "registry.k8s.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "icr.io",
)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that can be set."""

    host: str = "127.0.0.1"
    port: Port = 8080
    anonymous: bool = False
    threads: Count = 40
    workers: Processes = 1
    registries: dict[str, RegistryConfig | None] = msgspec.field(
        default_factory=lambda: dict.fromkeys(_DEFAULT_REGISTRIES),
    )
    local: str | None = None
    allow: Literal["any", "named"] | None = None
    credentials: CredentialsConfig = CredentialsConfig()
    ca_bundle: str | None = None
    platform: str = "linux/amd64"
    tag_ttl_seconds: Seconds = 60.0
    listed_digests: Size = 64
    cache: CacheConfig = CacheConfig()
    limits: LimitsConfig = LimitsConfig()

    def named_registries(self) -> Mapping[Registry, RegistryConfig]:
        """Settings of each registry that the configuration names."""
        return {parse_registry(name): settings or RegistryConfig() for name, settings in self.registries.items()}

    def default_platform(self) -> Platform:
        """The platform chosen of an index."""
        return parse_platform(self.platform)

    def of_one_worker(self) -> Config:
        """The same for one of `workers` processes: what is remembered in memory is divided among them."""
        sizes = {
            name: getattr(self.cache, name) // self.workers for name in ("range_bytes", "chunk_bytes", "listing_bytes")
        }
        return msgspec.structs.replace(self, cache=msgspec.structs.replace(self.cache, **sizes))

    def cache_directory(self) -> Path:
        """Folder of the cache on disk: the one set, else one in the user's cache folder."""
        if self.cache.directory is not None:
            return Path(self.cache.directory).expanduser()
        return _user_cache_folder() / "crfs-dav"


def load_config(path: Path | None, overrides: Mapping[str, Any]) -> Config:
    """Settings of the file at `path`, or the defaults, with `overrides` in place of some; raises BadConfig."""
    values = _read(path) if path else {}
    where = str(path) if path else "command line"
    try:
        config = msgspec.convert(_merged(values, overrides), Config)
        _check(config)
    except (msgspec.ValidationError, BadName) as error:
        raise BadConfig(f"{where}: {error}") from None
    return config


def is_loopback(host: str) -> bool:
    """True if only this machine can reach a server that listens on `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _read(path: Path) -> dict[str, Any]:
    import yaml  # takes a twentieth of the start, and most servers have no file

    try:
        values = yaml.safe_load(_read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise BadConfig(f"{path}: {' '.join(str(error).split())}; expected YAML") from None
    if not isinstance(values, dict | None):
        raise BadConfig(f"{path}: {type(values).__name__}; expected a YAML mapping of options")
    return values or {}


def _read_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_FILE_LIMIT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: {error.strerror if isinstance(error, OSError) else 'not UTF-8 text'}") from None
    if len(text) > _FILE_LIMIT:
        raise BadConfig(f"{path}: over {_FILE_LIMIT} characters; expected a small file")
    return text


def _merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides win; mappings (the cache's options, the registries) are merged one level down."""
    merged = dict(values)
    for key, value in overrides.items():
        below = merged.get(key)
        merged[key] = {**(below if isinstance(below, dict) else {}), **value} if isinstance(value, dict) else value
    return merged


def _check(config: Config) -> None:
    config.default_platform()
    if config.workers > 1 and os.name == "nt":
        raise BadConfig(f"workers: {config.workers} on Windows; expected 1")
    named = config.named_registries()
    for registry, settings in named.items():
        for name in settings.repositories:
            parse_repository(registry, name)
        _check_registry(registry, settings)
    if is_loopback(config.host):
        return
    if config.allow != "any" and config.registries == dict.fromkeys(_DEFAULT_REGISTRIES):
        raise BadConfig(
            f"host: {config.host} is open to the network; expected `registries` to name what may be reached"
        )
    if not config.anonymous:
        raise BadConfig(f"host: {config.host} is open to the network; expected `anonymous: true` to allow anyone in")


def _check_registry(registry: Registry, settings: RegistryConfig) -> None:
    where = f"registries: {registry}"
    if settings.listing_url is not None and settings.listing not in _LISTINGS_BY_URL:
        raise BadConfig(f"{where}: listing_url without listing; expected {' or '.join(_LISTINGS_BY_URL)}")
    passwords = [place for place in (settings.password_file, settings.password_env) if place is not None]
    if settings.username is not None and not passwords:
        raise BadConfig(f"{where}: username without a password; expected password_file or _env")
    if len(passwords) > 1 or (passwords and settings.username is None):
        raise BadConfig(f"{where}: password_file and password_env; expected one of them, and a username")
    if settings.client_key is not None and settings.client_certificate is None:
        raise BadConfig(f"{where}: client_key without a client_certificate; expected both")
    if settings.insecure and settings.ca_bundle is not None:
        raise BadConfig(f"{where}: insecure and a ca_bundle; expected one of them")
    for mirror in settings.mirrors:
        parse_mirror(mirror)


def _user_cache_folder() -> Path:
    """`XDG_CACHE_HOME`, or what each system has in its place."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return Path(xdg) if xdg.startswith("/") else Path.home() / ".cache"
