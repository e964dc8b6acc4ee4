"""What asking registries has cost: requests sent, bytes of bodies received."""

from __future__ import annotations

import threading


class Traffic:
    """Counts of all that one client sends and hears, tokens and redirects included; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._received = 0

    @property
    def requests(self) -> int:
        """Requests sent so far, each try counted."""
        return self._requests

    @property
    def received(self) -> int:
        """Bytes of bodies received so far."""
        return self._received

    def count_request(self) -> None:
        """One request more."""
        with self._lock:
            self._requests += 1

    def count_received(self, size: int) -> None:
        """`size` bytes more."""
        with self._lock:
            self._received += size
