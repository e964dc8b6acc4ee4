"""What the registry leg is told: whom to trust with what, and how long to wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from crfs_dav import __version__
from crfs_dav.names import Registry
from crfs_dav.registry.credentials.secret import Credentials, no_credentials
from crfs_dav.registry.mirrors import Mirror
from crfs_dav.registry.traffic import Traffic
from crfs_dav.registry.urls import Reach

Scheme: TypeAlias = Literal["http", "https"]
ListingKind: TypeAlias = Literal["catalog", "google", "hub", "quay", "harbor", "gitlab", "ibm", "none"]


@dataclass(frozen=True, slots=True)
class Tls:
    """How one registry is spoken to by https: paths of PEM files; `is_insecure` believes any certificate."""

    ca_bundle: Path | None = None  # besides the authorities that everybody trusts
    client_certificate: Path | None = None
    client_key: Path | None = None  # None: in the same file
    is_insecure: bool = False


@dataclass(frozen=True, slots=True)
class ListingSettings:
    """The way in which a registry lists its repositories, and the URL of the API for it, where that is unusual."""

    kind: ListingKind
    api: str | None = None


Allows: TypeAlias = Callable[[Registry], Reach | None]
"""How far inside the address of a registry may lie; None where it must not be talked to at all."""


def allow_any(registry: Registry) -> Reach | None:
    """Every registry, wherever it is."""
    return Reach.LOCAL


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """How registries are talked to. Times in seconds; `deadline_seconds` bounds a call with all that it takes.

    A call is one question to a registry with its token, its redirects and its retries. WebDAV clients give up
    after about 30 s, so a deadline below that lets them hear why.
    """

    schemes: Mapping[Registry, Scheme] = field(default_factory=lambda: MappingProxyType({}))
    tls: Mapping[Registry, Tls] = field(default_factory=lambda: MappingProxyType({}))
    mirrors: Mapping[Registry, tuple[Mirror, ...]] = field(default_factory=lambda: MappingProxyType({}))
    allows: Allows = field(default=allow_any, repr=False)
    credentials: Credentials = field(default=no_credentials, repr=False)
    listings: Mapping[Registry, ListingSettings] = field(default_factory=lambda: MappingProxyType({}))
    ca_bundle: Path | None = None  # besides what the environment names, else the system's and certifi's
    user_agent: str = f"crfs-dav/{__version__}"
    workers: int = 32  # threads that may ask at the same time: connections kept to one host
    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    deadline_seconds: float = 20.0
    tries: int = 3  # of one request, where trying again may help
    backoff_seconds: float = 0.2  # before the second try; twice that before the third
    traffic: Traffic = field(default_factory=Traffic, repr=False, compare=False)  # of all who share these settings
