"""http or https: where a registry answers, found out once.

What the configuration says goes. Public registries are https and nothing else. On this machine and on private
addresses both are common: there the port is asked, with a TLS greeting and no request, whether it speaks TLS.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from dataclasses import dataclass

from crfs_dav.errors import Unavailable
from crfs_dav.flight import SingleFlight
from crfs_dav.names import Registry
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.settings import RegistrySettings, Scheme

_log = logging.getLogger(__name__)

_GREETING_SECONDS = 2.0  # to connect, and again to greet: these networks are near
_REMEMBERED = 1000  # registries; more than anyone has, but a client of the share may invent names


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a registry answers. `is_trusted`: https, or http that the configuration asked for by name.

    Credentials go to trusted endpoints only.
    """

    registry: Registry
    scheme: Scheme
    is_trusted: bool

    def url(self, path: str = "") -> str:
        """URL of `path` below `/v2/`."""
        return f"{self.scheme}://{self.registry.api_host}/v2/{path}"


class Schemes:
    """Endpoints of registries; what was found out is kept as long as this object."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._configured = settings.schemes
        self._found: dict[Registry, Endpoint] = {}
        self._lock = threading.Lock()
        self._flights: SingleFlight[Registry, Endpoint] = SingleFlight()

    def endpoint(self, registry: Registry, deadline: Deadline) -> Endpoint:
        """Where `registry` answers; raises Unavailable if nobody is there to be asked."""
        configured = self._configured.get(registry)
        if configured is not None:
            return Endpoint(registry, configured, is_trusted=True)
        if not registry.is_private:
            return Endpoint(registry, "https", is_trusted=True)
        found = self._found.get(registry)
        return found or self._flights.run(registry, lambda: self._find(registry, deadline))

    def _find(self, registry: Registry, deadline: Deadline) -> Endpoint:
        scheme = _find_scheme(registry, deadline)
        endpoint = Endpoint(registry, scheme, is_trusted=scheme == "https")
        _log.debug("registry %s: speaks %s", registry, scheme)
        with self._lock:
            if len(self._found) >= _REMEMBERED:
                self._found.pop(next(iter(self._found)))
            self._found[registry] = endpoint
        return endpoint


def _find_scheme(registry: Registry, deadline: Deadline) -> Scheme:
    """Scheme that `registry` speaks; raises Unavailable, and nothing is remembered, if nobody answers at all."""
    failure = "not reached"
    for port in (443, 80) if registry.port is None else (registry.port,):
        seconds = min(_GREETING_SECONDS, deadline.check(f"registry {registry}"))
        try:
            with socket.create_connection((registry.host.strip("[]"), port), seconds) as connection:
                if port != 80 and _speaks_tls(connection, registry.host):
                    return "https"
                if port == (registry.port or 80):
                    return "http"
        except (OSError, UnicodeError) as error:
            failure = getattr(error, "strerror", None) or type(error).__name__
    raise Unavailable(f"registry {registry}: {failure}; expected a connection")


def _speaks_tls(connection: socket.socket, host: str) -> bool:
    """True if the other side answers a TLS greeting with TLS, a refusal in TLS included.

    Certificates do not matter yet, as nothing is sent: the request that follows verifies them, and fails there
    with its own text rather than here by a silent way out to http.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(connection, server_hostname=host.strip("[]")):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except ConnectionError:
        return False
