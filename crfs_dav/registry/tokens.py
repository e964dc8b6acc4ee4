"""Bearer tokens: one question to a token server, by the GET form of the distribution project's "token.md"."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from crfs_dav.errors import AccessDenied, Corrupt
from crfs_dav.registry.challenge import Challenge
from crfs_dav.registry.check import check, error_of
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.scheme import Endpoint
from crfs_dav.registry.session import HttpSession, Reply
from crfs_dav.registry.settings import Login
from crfs_dav.registry.urls import check_target, resolve_url, shown

_BODY_LIMIT = 64 << 10  # bytes; go-containerregistry's limit too
_DEFAULT_SECONDS = 60.0  # of life, where the server says nothing (token.md, "expires_in"); GHCR does not
_LONGEST_SECONDS = 24 * 3600.0
_DUMMY_SCOPE = "repository:user/image:pull"  # what ghcr.io's challenges name, whatever was asked for
_TRANSIENT_STATUSES = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class Access:
    """What is to be authorized: a scope, in the words of "scope.md", at an endpoint; empty where none is known."""

    endpoint: Endpoint
    scope: str


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and its life in seconds from its receipt."""

    text: str = field(repr=False)
    seconds: float


def basic(login: Login) -> str:
    """`Authorization` for a user name and password (RFC 7617, UTF-8)."""
    return "Basic " + b64encode(f"{login.user}:{login.password}".encode("utf-8", "surrogateescape")).decode()


def scopes_of(challenge: Challenge, wanted: str) -> list[str]:
    """Scopes to ask a token for: the challenge's own, or `wanted` where that is missing, a dummy, or allows less.

    A writer's first question is a reading one: asked with `pull,push` in mind it spares the second token.
    """
    offered = challenge.parameters.get("scope", "").split()
    if offered and offered != [_DUMMY_SCOPE]:
        return [wanted if _allows_less(scope, wanted) else scope for scope in offered]
    return [wanted] if wanted else []


def _allows_less(scope: str, wanted: str) -> bool:
    (what, _, actions), (wanted_what, _, wanted_actions) = scope.rpartition(":"), wanted.rpartition(":")
    return what == wanted_what and set(actions.split(",")) < set(wanted_actions.split(","))


class TokenServer:
    """The way to the token servers that registries name."""

    def __init__(self, session: HttpSession) -> None:
        self._session = session

    def fetch(self, access: Access, challenge: Challenge, *, login: Login | None, deadline: Deadline) -> Token:
        """A token that answers `challenge`, anonymous without `login`; raises AccessDenied, Unavailable, Corrupt."""
        url = _token_url(access, challenge)
        headers = {"Accept": "application/json"}
        if login is not None:
            headers["Authorization"] = basic(login)
        with self._session.send("GET", url, headers, deadline=deadline) as reply:
            if 400 <= reply.status < 500 and reply.status not in _TRANSIENT_STATUSES:
                raise AccessDenied(str(error_of(reply, 200)))
            check(reply, 200)
            return _parse_token(reply)


def _token_url(access: Access, challenge: Challenge) -> str:
    home = access.endpoint.url()
    realm = challenge.parameters.get("realm", "")
    if not realm:
        raise AccessDenied(f"{shown(home)}: Bearer challenge without realm; expected the URL of a token server")
    url = resolve_url(home, realm)
    check_target(home, url, home)
    query = [("scope", scope) for scope in scopes_of(challenge, access.scope)]
    service = challenge.parameters.get("service")
    if service:
        query.insert(0, ("service", service))
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _parse_token(reply: Reply) -> Token:
    body: Any = None
    with suppress(ValueError, RecursionError):
        body = json.loads(reply.read(_BODY_LIMIT))
    if not isinstance(body, dict):
        raise Corrupt(f"{reply.what}: no JSON object; expected a token")
    text = body.get("token") or body.get("access_token")
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise Corrupt(f"{reply.what}: no token in the answer; expected token or access_token")
    return Token(text, _seconds(body.get("expires_in")))


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return _DEFAULT_SECONDS
    return min(seconds, _LONGEST_SECONDS) if seconds > 0 else _DEFAULT_SECONDS
