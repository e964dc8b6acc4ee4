"""What to put into `Authorization`: Basic, or a Bearer token, fetched once and renewed before it expires.

The challenge of the request that failed is the one that counts: Harbor wants Bearer for repositories and Basic
for its catalog. So grants are kept by endpoint and scope. One thread fetches a token, others wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from crfs_dav.errors import AccessDenied
from crfs_dav.flight import SingleFlight
from crfs_dav.registry.challenge import Challenge
from crfs_dav.registry.credentials.secret import Credentials, IdentityToken, Login, RegistryToken, Secret
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.reach import Reaches
from crfs_dav.registry.tokens import Access, Asking, TokenServer, basic

_REMEMBERED = 1000  # grants: a client of the share may ask for any number of repositories
_FRESH_PART = 0.9  # of a token's life; the rest is for clocks and for requests on their way


@dataclass(frozen=True, slots=True)
class _Grant:
    """A value for `Authorization`, how it came about, and when it is to be renewed (None: never)."""

    header: str = field(repr=False)
    challenge: Challenge
    stale_at: float | None


class Authenticator:
    """Grants by endpoint and scope; at most one flight a key to the token server."""

    def __init__(self, credentials: Credentials, tokens: TokenServer, *, reaches: Reaches, clock: Clock) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._reaches = reaches
        self._clock = clock
        self._grants: dict[Access, _Grant] = {}
        self._lock = threading.Lock()
        self._flights: SingleFlight[Access, _Grant | None] = SingleFlight()

    def known(self, access: Access, deadline: Deadline) -> str | None:
        """`Authorization` for a first try; None where none was ever asked for."""
        grant = self._grants.get(access)
        if grant is None or self._is_fresh(grant):
            return grant.header if grant else None
        return self.answer(access, [grant.challenge], rejected=None, deadline=deadline)

    def answer(
        self, access: Access, challenges: Sequence[Challenge], *, rejected: str | None, deadline: Deadline
    ) -> str | None:
        """`Authorization` for a second try, after `rejected`; None where none of `challenges` can be answered.

        Raises AccessDenied where the token server, or caution, says no.
        """

        def load() -> _Grant | None:
            current = self._grants.get(access)
            if current is not None and current.header != rejected and self._is_fresh(current):
                return current  # of another thread's flight, that landed just now
            return self._load(access, challenges, deadline)

        grant = self._flights.run(access, load)
        return grant.header if grant is not None and grant.header != rejected else None

    def _load(self, access: Access, challenges: Sequence[Challenge], deadline: Deadline) -> _Grant | None:
        grant = self._grant(access, challenges, deadline)
        with self._lock:
            self._grants.pop(access, None)
            if len(self._grants) >= _REMEMBERED:
                del self._grants[next(iter(self._grants))]
            if grant is not None:
                self._grants[access] = grant
        return grant

    def _grant(self, access: Access, challenges: Sequence[Challenge], deadline: Deadline) -> _Grant | None:
        registry = access.endpoint.registry
        secret = self._credentials(registry, access.name)
        usable = secret if access.endpoint.is_trusted else None
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        bearer, plain = by_scheme.get("bearer"), by_scheme.get("basic")
        if isinstance(usable, RegistryToken) and challenges:
            return _Grant(f"Bearer {usable.text}", challenges[0], None)
        login = _as_login(usable)
        if bearer is not None:
            try:
                return self._bearer(access, bearer, secret=usable, deadline=deadline)
            except AccessDenied:
                if plain is None or login is None:
                    raise
        if plain is not None and login is not None:
            return _Grant(basic(login), plain, None)
        if plain is not None and secret is not None and not access.endpoint.is_trusted:
            raise AccessDenied(
                f"registry {registry}: wants credentials over http;"
                " expected https, or http that the configuration asks for"
            )
        return None

    def _bearer(self, access: Access, challenge: Challenge, *, secret: Secret | None, deadline: Deadline) -> _Grant:
        asking = Asking(access, challenge, self._reaches.of(access.endpoint.registry))
        usable = None if isinstance(secret, RegistryToken) else secret
        token = self._tokens.fetch(asking, usable, deadline)
        return _Grant(f"Bearer {token.text}", challenge, self._clock.now() + _FRESH_PART * token.seconds)

    def _is_fresh(self, grant: _Grant) -> bool:
        return grant.stale_at is None or self._clock.now() < grant.stale_at


def _as_login(secret: Secret | None) -> Login | None:
    """What to answer a Basic challenge with: an identity token of a known user is that user's password (Azure)."""
    if isinstance(secret, IdentityToken):
        return Login(secret.user, secret.text) if secret.user else None
    return secret if isinstance(secret, Login) else None
