"""Bearer tokens: one question to a token server, in one of the two forms of the distribution project.

"token.md": GET, with user and password or without. "oauth.md": POST with an identity token, which is a refresh
token; where the server knows only the first form, the identity token goes as the password.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from crfs_dav.errors import AccessDenied, Corrupt
from crfs_dav.readers import BytesReader
from crfs_dav.registry.challenge import Challenge
from crfs_dav.registry.check import check, error_of
from crfs_dav.registry.credentials.secret import IdentityToken, Login
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.scheme import Endpoint
from crfs_dav.registry.session import HttpRequest, HttpSession
from crfs_dav.registry.urls import Reach, check_target, resolve_url, shown

_BODY_LIMIT = 64 << 10  # bytes; go-containerregistry's limit too
_DEFAULT_SECONDS = 60.0  # of life, where the server says nothing (token.md, "expires_in"); GHCR does not
_LONGEST_SECONDS = 24 * 3600.0
_DUMMY_SCOPE = "repository:user/image:pull"  # what ghcr.io's challenges name, whatever was asked for
_TRANSIENT_STATUSES = frozenset({408, 429})
_NO_POST_STATUSES = frozenset({401, 404, 405})  # Artifactory, gcr.io, and who reads the specification
_CLIENT_ID = "crfs-dav"
_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_ROTATED = 100  # refresh tokens of which newer ones are known


@dataclass(frozen=True, slots=True)
class Access:
    """What is to be authorized: a scope, in the words of "scope.md", at an endpoint; empty where none is known."""

    endpoint: Endpoint
    scope: str

    @property
    def name(self) -> str:
        """The repository that the scope is about; empty where it is about none."""
        kind, _, rest = self.scope.partition(":")
        return rest.rpartition(":")[0] if kind == "repository" else ""


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


@dataclass(frozen=True, slots=True)
class Asking:
    """A question for a token: what for, the challenge that wants it, and how far inside its server may lie."""

    access: Access
    challenge: Challenge
    reach: Reach


class TokenServer:
    """The way to the token servers that registries name; for any thread."""

    def __init__(self, session: HttpSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._rotated: dict[IdentityToken, IdentityToken] = {}

    def fetch(self, asking: Asking, secret: Login | IdentityToken | None, deadline: Deadline) -> Token:
        """A token that answers the challenge, anonymous without `secret`; raises AccessDenied, Unavailable, Corrupt."""
        if not isinstance(secret, IdentityToken):
            return self._get(asking, secret, deadline)
        token = self._post(asking, secret, deadline)
        return token or self._get(asking, Login(secret.user or "<token>", secret.text), deadline)

    def _get(self, asking: Asking, login: Login | None, deadline: Deadline) -> Token:
        url = _realm(asking)
        query = [("scope", scope) for scope in scopes_of(asking.challenge, asking.access.scope)]
        service = asking.challenge.parameters.get("service")
        if service:
            query.insert(0, ("service", service))
        if query:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
        headers = {"Accept": "application/json"} | ({"Authorization": basic(login)} if login is not None else {})
        with self._session.send(HttpRequest("GET", url, headers, reach=asking.reach), deadline) as reply:
            _check(reply)
            return _parse_token(reply)[0]

    def _post(self, asking: Asking, identity: IdentityToken, deadline: Deadline) -> Token | None:
        """A token by the OAuth 2 form; None where the server does not know that."""
        form = {
            "grant_type": "refresh_token",
            "service": asking.challenge.parameters.get("service", ""),
            "client_id": _CLIENT_ID,
            "scope": " ".join(scopes_of(asking.challenge, asking.access.scope)),
            "refresh_token": self._rotated.get(identity, identity).text,
        }
        body = BytesReader(urlencode({key: value for key, value in form.items() if value}).encode())
        with self._session.send(HttpRequest("POST", _realm(asking), _FORM, body, asking.reach), deadline) as reply:
            if reply.status != 200:
                self._rotate(identity, None)  # the newer one may be what it does not like
            if reply.status in _NO_POST_STATUSES:
                return None
            _check(reply)
            token, renewed = _parse_token(reply)
            if renewed:
                self._rotate(identity, renewed)
            return token

    def _rotate(self, identity: IdentityToken, renewed: str | None) -> None:
        """Use `renewed` in place of `identity` from now on; it is kept in memory only."""
        with self._lock:
            self._rotated.pop(identity, None)
            if renewed is not None and len(self._rotated) < _ROTATED:
                self._rotated[identity] = IdentityToken(renewed, identity.user)


def _realm(asking: Asking) -> str:
    home = asking.access.endpoint.url()
    realm = asking.challenge.parameters.get("realm", "")
    if not realm:
        raise AccessDenied(f"{shown(home)}: Bearer challenge without realm; expected the URL of a token server")
    url = resolve_url(home, realm)
    check_target(home, url, home, asking.reach)
    return url


def _check(reply: Reply) -> None:
    if 400 <= reply.status < 500 and reply.status not in _TRANSIENT_STATUSES:
        raise AccessDenied(str(error_of(reply, 200)))
    check(reply, 200)


def _parse_token(reply: Reply) -> tuple[Token, str]:
    """The token, and the refresh token that came with it, if any."""
    body: Any = None
    with suppress(ValueError, RecursionError):
        body = json.loads(reply.read(_BODY_LIMIT))
    if not isinstance(body, dict):
        raise Corrupt(f"{reply.what}: no JSON object; expected a token")
    text = body.get("token") or body.get("access_token")
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise Corrupt(f"{reply.what}: no token in the answer; expected token or access_token")
    renewed = body.get("refresh_token")
    return Token(text, _seconds(body.get("expires_in"))), renewed if isinstance(renewed, str) else ""


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return _DEFAULT_SECONDS
    return min(seconds, _LONGEST_SECONDS) if seconds > 0 else _DEFAULT_SECONDS
