"""Mirrors: other registries that hold the same images, tried first and in order, left alone while they fail."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from crfs_dav.errors import BadName
from crfs_dav.names import Registry, is_component, parse_registry
from crfs_dav.registry.deadline import Clock

_log = logging.getLogger(__name__)

_SCHEMES: Mapping[str, Literal["http", "https"] | None] = {"": None, "http": "http", "https": "https"}
_REST_SECONDS = 60.0  # of a mirror that did not answer


@dataclass(frozen=True, slots=True)
class Mirror:
    """A registry, and what it puts before the names of the repositories that it mirrors."""

    registry: Registry
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.registry}/{self.prefix}".rstrip("/")

    def path(self, path: str) -> str:
        """`path` below `/v2/` as the mirror spells it."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def scope(self, scope: str) -> str:
        """`scope` as the mirror spells it."""
        return scope.replace("repository:", f"repository:{self.prefix}/", 1) if self.prefix else scope


Mirrors: TypeAlias = Mapping[Registry, tuple[Mirror, ...]]


def parse_mirror(text: str) -> tuple[Mirror, Literal["http", "https"] | None]:
    """Mirror spelled `[scheme://]host[:port][/prefix]`, and its scheme; raises BadName."""
    scheme, _, rest = text.rpartition("://")
    host, _, prefix = rest.rstrip("/").partition("/")
    components = prefix.split("/") if prefix else []
    if scheme not in _SCHEMES or not all(map(is_component, components)):
        raise BadName(f"mirror: {text[:150]!r}; expected [https://]host[:port][/prefix]")
    return Mirror(parse_registry(host), prefix), _SCHEMES[scheme]


class MirrorRests:
    """Which mirrors failed lately; for any thread."""

    def __init__(self, mirrors: Mirrors, clock: Clock) -> None:
        self._mirrors = mirrors
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[Mirror, float] = {}

    def of(self, registry: Registry) -> Iterator[Mirror]:
        """Mirrors of `registry` that are worth asking now."""
        now = self._clock.now()
        return (mirror for mirror in self._mirrors.get(registry, ()) if self._until.get(mirror, now) <= now)

    def rest(self, mirror: Mirror, reason: object) -> None:
        """Leave `mirror` alone for a while."""
        _log.warning("mirror %s: not asked for %g s: %s", mirror, _REST_SECONDS, reason)
        with self._lock:
            self._until[mirror] = self._clock.now() + _REST_SECONDS


def is_mirrored(method: str, path: str) -> bool:
    """True for what a mirror can answer as well: contents. Its listings are of what it happens to hold."""
    return method in ("GET", "HEAD") and re.search("/(manifests|blobs)/[^/]+$", path) is not None
