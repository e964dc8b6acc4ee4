"""What the configuration says of registries, in the registry leg's words: which, how, and with whose credentials."""

from __future__ import annotations

import logging
from pathlib import Path

from crfs_dav.config import Config, RegistryConfig, is_loopback
from crfs_dav.names import Registry
from crfs_dav.registry.credentials.accounts import Account
from crfs_dav.registry.credentials.keyring import Keyring, open_keyring
from crfs_dav.registry.deadline import Clock
from crfs_dav.registry.mirrors import parse_mirror
from crfs_dav.registry.settings import Allows, ListingSettings, RegistrySettings, Scheme, Tls
from crfs_dav.registry.urls import Reach, reach_of

_log = logging.getLogger(__name__)


def registry_settings(config: Config) -> RegistrySettings:
    """How `config` has registries talked to; asks nobody and reads no password yet."""
    named = config.named_registries()
    mirrors = {registry: tuple(map(parse_mirror, settings.mirrors)) for registry, settings in named.items()}
    schemes: dict[Registry, Scheme] = {
        mirror.registry: scheme for pairs in mirrors.values() for mirror, scheme in pairs if scheme is not None
    }
    schemes |= {registry: settings.scheme for registry, settings in named.items() if settings.scheme is not None}
    return RegistrySettings(
        schemes=schemes,
        tls={registry: _tls(registry, settings) for registry, settings in named.items() if _has_tls(settings)},
        mirrors={registry: tuple(mirror for mirror, _ in pairs) for registry, pairs in mirrors.items()},
        allows=allowed_registries(config),
        credentials=keyring_of(config),
        listings={
            registry: ListingSettings(settings.listing, settings.listing_url)
            for registry, settings in named.items()
            if settings.listing is not None
        },
        ca_bundle=_path(config.ca_bundle),
        workers=config.threads,
        connect_seconds=config.limits.connect_timeout_seconds,
        read_seconds=config.limits.read_timeout_seconds,
        deadline_seconds=config.limits.deadline_seconds,
    )


def keyring_of(config: Config) -> Keyring:
    """Credentials from all places that `config` wants."""
    accounts = {
        registry: Account(settings.username, settings.password_file, settings.password_env)
        for registry, settings in config.named_registries().items()
        if settings.username is not None
    }
    wanted = config.credentials
    return open_keyring(
        accounts, Clock(), files=wanted.files, helpers=wanted.helpers, google_metadata=wanted.google_metadata
    )


def allowed_registries(config: Config) -> Allows:
    """Which registries clients may make us talk to: those that `config` names, and others where it allows any.

    By default it does where only this machine can ask. Who asks from elsewhere is never led to an inner network,
    but to registries there that are named.
    """
    named = config.named_registries()
    is_ours = is_loopback(config.host)
    allows_any = config.allow == "any" or (config.allow is None and is_ours)

    def allows(registry: Registry) -> Reach | None:
        if registry in named or (allows_any and is_ours):
            return Reach.LOCAL
        return Reach.PUBLIC if allows_any and reach_of(registry.host) is Reach.PUBLIC else None

    return allows


def _has_tls(settings: RegistryConfig) -> bool:
    return settings.insecure or settings.ca_bundle is not None or settings.client_certificate is not None


def _tls(registry: Registry, settings: RegistryConfig) -> Tls:
    if settings.insecure:
        _log.warning("registry %s: INSECURE, any certificate is believed: whoever is on the way can read", registry)
    return Tls(
        _path(settings.ca_bundle),
        _path(settings.client_certificate),
        _path(settings.client_key),
        is_insecure=settings.insecure,
    )


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text is not None else None
