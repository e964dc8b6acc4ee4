"""What opens a registry. None of it is in any text of these records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from crfs_dav.names import Registry


@dataclass(frozen=True, slots=True)
class Login:
    """A user's name and password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token, which the token server takes for tokens (distribution, "oauth.md"); Azure gives these out."""

    text: str = field(repr=False)
    user: str = ""


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token that the registry takes as it is."""

    text: str = field(repr=False)


Secret: TypeAlias = Login | IdentityToken | RegistryToken


@dataclass(frozen=True, slots=True)
class Found:
    """A secret, and in words where it was found."""

    secret: Secret
    source: str


Credentials: TypeAlias = Callable[[Registry, str], Secret | None]
"""What opens a registry and in it a repository, by name; the name is empty for questions about no repository."""

Source: TypeAlias = Callable[[Registry, str], Found | None]
"""One place to look into; raises CrfsError where it is broken."""


def no_credentials(registry: Registry, name: str) -> Secret | None:
    """None: every registry is asked anonymously."""
    return None
