"""The errors that crfs-dav raises; each is translated once at each edge.

CrfsError
 +-- NotFound       no such registry, repository, tag, digest, path
 |    +-- NoHost     the name service does not know a registry's host: mistyped, or out of reach from here
 +-- AccessDenied   the registry, or this server's policy, says no
 +-- Unavailable    no answer, too slow, throttled, or broken for now: worth another try
 |    +-- Underway  it is being read through, and there once that is done
 |    +-- NoRoom    this server has not the disk for it: worth another try once somebody has made room
 +-- Corrupt        bytes that break their format, size or digest: no use trying again
 |    +-- OverLimit more than the configuration allows them
 +-- BadName        text that is no legal name (a ValueError too)

Texts have one word order: `<what>: <found>; expected <wanted>`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


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


def _no_names(_path: Sequence[str]) -> Sequence[str]:
    """None."""
    return ()


class Underway(Unavailable):
    """`subject` is being read through, as far as `progress` says; `names_in` gives the names that came by so far.

    These are unverified, and not all: for people to look at.
    """

    def __init__(
        self,
        subject: str,
        progress: str,
        *,
        retry_after_seconds: float,
        names_in: Callable[[Sequence[str]], Sequence[str]] = _no_names,
    ) -> None:
        super().__init__(f"{subject}: {progress}; expected it to be done", retry_after_seconds=retry_after_seconds)
        self.subject = subject
        self.progress = progress
        self.names_in = names_in

    def below(self, path: Sequence[str]) -> Underway:
        """The same, for one who looks for `path` inside."""
        return Underway(
            self.subject,
            self.progress,
            retry_after_seconds=self.retry_after_seconds or 0.0,
            names_in=lambda further: self.names_in((*path, *further)),
        )


class NoRoom(Unavailable):
    """There is no room for it on this server's disk, or as much as the configuration gives it."""


class Corrupt(CrfsError):
    """Bytes that are not what their format, size or digest promises."""


class OverLimit(Corrupt):
    """More than is read of bytes that others made: no use reading them again."""


class BadName(CrfsError, ValueError):
    """Text that does not spell what it should."""
