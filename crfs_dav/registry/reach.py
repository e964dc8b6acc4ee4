"""How far inside each registry was found to be: what it names may lie no further in than itself."""

from __future__ import annotations

import threading

from crfs_dav.names import Registry
from crfs_dav.registry.urls import Reach

_REMEMBERED = 1000


class Reaches:
    """Reaches by registry, for any thread. A name that was once outside is not believed to be inside later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Registry, Reach] = {}

    def of(self, registry: Registry) -> Reach:
        """Where `registry` is; outside, as long as it was not heard."""
        return self._found.get(registry, Reach.PUBLIC)

    def of_location(self, registry: Registry) -> Reach:
        """How far inside a URL may lead that we have of `registry`: what it never named, our own settings did."""
        unheard = Reach.LOCAL if len(self._found) < _REMEMBERED else Reach.PUBLIC
        return self._found.get(registry, unheard)

    def note(self, registry: Registry, reach: Reach) -> None:
        """`registry` answered from there. Those that come after very many stay outside."""
        with self._lock:
            if registry not in self._found and len(self._found) >= _REMEMBERED:
                return
            self._found[registry] = min(reach, self._found.get(registry, reach))
