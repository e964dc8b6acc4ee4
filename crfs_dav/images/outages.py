"""What people are told of a registry that is down: one line, not one for each name that is still known."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from crfs_dav.errors import CrfsError
from crfs_dav.names import Registry

_log = logging.getLogger(__name__)

_QUIET_SECONDS = 600.0  # before the same registry is complained of again
_REGISTRY_LIMIT = 1000


class Outages:
    """Registries that were complained of; for any thread. `clock` is monotonic seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said_at: dict[Registry, float] = {}

    def report(self, registry: Registry, error: CrfsError) -> None:
        """Log, the first time in ten minutes, that what was seen of `registry` has to do."""
        if self._is_news(registry):
            _log.warning("registry %s: showing what was seen of it before: %s", registry, error)

    def _is_news(self, registry: Registry) -> bool:
        now = self._clock()
        with self._lock:
            said_at = self._said_at.get(registry)
            if said_at is not None and now < said_at + _QUIET_SECONDS:
                return False
            if len(self._said_at) == _REGISTRY_LIMIT:
                self._said_at.clear()
            self._said_at[registry] = now
        return True
