"""The errors that crfs-dav raises; each is translated once at each edge.

CrfsError
 +-- NotFound       no such registry, repository, tag, digest, path
 |    +-- NoHost     the name service does not know a registry's host: mistyped, or out of reach from here
 +-- AccessDenied   the registry, or this server's policy, says no
 +-- Unavailable    no answer, too slow, throttled, or broken for now: worth another try
 |    +-- NoRoom    this server has not the disk for it: worth another try once somebody has made room
 +-- Corrupt        bytes that break their format, size or digest: no use trying again
 |    +-- OverLimit more than the configuration allows them
 +-- BadName        text that is no legal name (a ValueError too)

Texts have one word order: `<what>: <found>; expected <wanted>`.
"""

from __future__ import annotations


class CrfsError(Exception):
    """Any failure that crfs-dav knows by name."""


class NotFound(CrfsError):
    """There is no such thing."""


class NoHost(NotFound):
    """The name service knows no such host: never, or not from where we are now."""


class AccessDenied(CrfsError):
    """It may be there, but not for us."""


class Unavailable(CrfsError):
    """It cannot be had now; `retry_after_seconds` says when to ask again, where that is known."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NoRoom(Unavailable):
    """There is no room for it on this server's disk, or as much as the configuration gives it."""


class Corrupt(CrfsError):
    """Bytes that are not what their format, size or digest promises."""


class OverLimit(Corrupt):
    """More than is read of bytes that others made: no use reading them again."""


class BadName(CrfsError, ValueError):
    """Text that does not spell what it should."""
