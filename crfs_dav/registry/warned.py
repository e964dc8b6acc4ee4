"""`Warning` headers, by which registries announce what will change (OCI distribution-spec v1.1, "Warnings")."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping

from crfs_dav.names import Registry
from crfs_dav.registry.check import clean

_log = logging.getLogger(__name__)

_WARNING = re.compile(r'299\s+\S+\s+"((?:[^"\\]|\\.){0,1000})"', re.DOTALL)
_HEADER_LIMIT = 8 << 10  # characters
_REMEMBERED = 200  # and then no more are logged: a registry may invent them


class WarningLog:
    """Logs each registry's warnings, the same words once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[tuple[Registry, str]] = set()

    def note(self, registry: Registry, headers: Mapping[str, str]) -> None:
        """Log what `headers` warn of, if it is new."""
        header = headers.get("Warning")
        for match in _WARNING.finditer(header[:_HEADER_LIMIT]) if header else ():
            text = clean(re.sub(r"\\(.)", r"\1", match[1]))
            with self._lock:
                if (registry, text) in self._seen or len(self._seen) >= _REMEMBERED:
                    continue
                self._seen.add((registry, text))
            _log.warning("registry %s warns: %s", registry, text)
