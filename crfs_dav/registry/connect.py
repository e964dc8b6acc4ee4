"""The registry leg, put together: the one thing of it that entry points call."""

from __future__ import annotations

import logging

import urllib3
from urllib3.exceptions import InsecureRequestWarning

from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.deadline import Clock
from crfs_dav.registry.listers.choose import Listers
from crfs_dav.registry.session import hide_queries
from crfs_dav.registry.settings import RegistrySettings
from crfs_dav.registry.transport import Transport

_URL_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


def open_client(settings: RegistrySettings | None = None, *, clock: Clock | None = None) -> RegistryClient:
    """A client of all registries; asks nobody before it is asked. Close it in the end."""
    settings = settings or RegistrySettings()
    return client_over(open_transport(settings, clock=clock), settings)


def client_over(transport: Transport, settings: RegistrySettings) -> RegistryClient:
    """A client that shares `transport`, and closes it in the end."""
    return RegistryClient(transport, Listers(settings.listings, settings.credentials))


def open_transport(settings: RegistrySettings, *, clock: Clock | None = None) -> Transport:
    """The way to all registries, for clients and targets that share connections and tokens. Close it in the end.

    Cuts the queries of URLs, where signatures live, out of what urllib3 logs. Where insecure registries are wanted,
    urllib3 need not warn of each: the configuration was told so, loudly.
    """
    if any(tls.is_insecure for tls in settings.tls.values()):
        urllib3.disable_warnings(InsecureRequestWarning)
    for name in _URL_LOGGERS:
        logging.getLogger(name).addFilter(hide_queries)
    return Transport(settings, clock or Clock())
