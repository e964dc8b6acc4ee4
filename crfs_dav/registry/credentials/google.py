"""The identity of a machine at Google (GCE, GKE, Cloud Run), from the metadata server that each of them has.

https://cloud.google.com/compute/docs/access/authenticate-workloads. Off unless the configuration says so: elsewhere
the name leads nowhere, or to somebody else.
"""

from __future__ import annotations

import http.client
import json
import os
import threading

from crfs_dav.errors import Corrupt, Unavailable
from crfs_dav.names import Registry
from crfs_dav.registry.credentials.secret import Found, Login
from crfs_dav.registry.deadline import Clock

_HOST = "metadata.google.internal"
_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_FLAVOR = {"Metadata-Flavor": "Google"}
_USER = "oauth2accesstoken"
_TIMEOUT_SECONDS = 1.0
_ANSWER_LIMIT = 64 << 10  # bytes
_FRESH_PART = 0.9
_SOURCE = "Google's metadata server"


class GoogleMetadata:
    """A source for Google's registries: the machine's access token, renewed before it expires. No proxy is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[float, Found] | None = None

    def __call__(self, registry: Registry, name: str) -> Found | None:
        """The machine's token for a registry of Google's, None for others; raises Unavailable, Corrupt."""
        if not is_google(registry):
            return None
        kept = self._kept
        if kept is not None and self._clock.now() < kept[0]:
            return kept[1]
        token, seconds = _parse(_ask())
        found = Found(Login(_USER, token), _SOURCE)
        with self._lock:
            self._kept = (self._clock.now() + _FRESH_PART * seconds, found)
        return found


def is_google(registry: Registry) -> bool:
    """True for the registries that take Google's access tokens."""
    return registry.port is None and (registry.host == "gcr.io" or registry.host.endswith((".gcr.io", ".pkg.dev")))


def _ask() -> bytes:
    connection = http.client.HTTPConnection(os.environ.get("GCE_METADATA_HOST") or _HOST, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", _PATH, headers=_FLAVOR)
        response = connection.getresponse()
        if response.status != 200 or response.getheader("Metadata-Flavor") != "Google":
            raise Unavailable(f"{_SOURCE}: status {response.status}; expected 200 from Google")
        return response.read(_ANSWER_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise Unavailable(f"{_SOURCE}: {reason}; expected a machine of Google's") from None
    finally:
        connection.close()


def _parse(answer: bytes) -> tuple[str, float]:
    try:
        document = json.loads(answer)
        token, seconds = document["access_token"], float(document["expires_in"])
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Corrupt(f"{_SOURCE}: another answer than its own; expected access_token and expires_in") from None
    if not isinstance(token, str) or not token:
        raise Corrupt(f"{_SOURCE}: no access_token; expected one")
    return token, seconds
