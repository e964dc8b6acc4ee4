"""Basic and Bearer authentication as a registry asks for it, and the server that hands out tokens.

Specification: distribution `docs/content/spec/auth/token.md`; RFC 7617; RFC 6750.
"""

from __future__ import annotations

import base64
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.exchange import Answer, Request, json_answer, refuse, with_header

TOKEN_PATH = "/token"
SERVICE = "demo"

_REPOSITORY = re.compile("/v2/(.+)/(?:manifests|blobs|tags)/.+")


class Login:
    """Tokens given out, and whether a request may pass; for any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[frozenset[str], float]] = {}  # scopes, end of validity
        self._identity_token = ""  # the one given out last

    def check(self, dialect: Dialect, request: Request) -> Answer | None:
        """None if `request` may pass, else 401."""
        if not dialect.schemes:
            return None
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.capitalize() in dialect.schemes and self._opens(dialect, request, credentials):
            return None
        return _challenge(dialect, request)

    def give_token(self, dialect: Dialect, request: Request) -> Answer:
        """A token for what of the scopes asked for can be granted; 401 for a wrong or, where needed, no password."""
        if request.method == "POST" and dialect.identity_token:
            return self._exchange(dialect, request)
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        anonymous = not scheme and dialect.anonymous_tokens
        if not anonymous and not (scheme == "Basic" and _is_password(dialect, credentials)):
            return refuse(401, "UNAUTHORIZED", "wrong user or password")
        if request.method != "GET" or request.asked("service") != SERVICE:
            return refuse(400, "UNSUPPORTED", f"service: {request.asked('service')!r}; expected {SERVICE} by GET")
        body = {dialect.token_key: self._issue(dialect, _granted(dialect, request)), "issued_at": _now()}
        return json_answer(body | ({"expires_in": int(dialect.token_seconds)} if dialect.tells_expiry else {}))

    def _exchange(self, dialect: Dialect, request: Request) -> Answer:
        """The same by an identity token, and a new one of these: the first and the newest are good.

        Specification: distribution `docs/content/spec/auth/oauth.md`.
        """
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != "refresh_token" or form.get("service") != SERVICE or "client_id" not in form:
            return refuse(400, "UNSUPPORTED", f"form: {sorted(form)}; expected a refresh_token for {SERVICE}")
        if form.get("refresh_token") not in {dialect.identity_token, self._identity_token or None}:
            return refuse(401, "UNAUTHORIZED", "wrong identity token")
        self._identity_token = secrets.token_hex(16)
        asked = replace(request, query={"scope": [form.get("scope", "")]})
        token = self._issue(dialect, _granted(dialect, asked))
        return json_answer(
            {"access_token": token, "expires_in": int(dialect.token_seconds), "refresh_token": self._identity_token}
        )

    def expire_tokens(self) -> None:
        """From now on no token given out so far opens anything."""
        with self._lock:
            self._tokens.clear()

    def _issue(self, dialect: Dialect, scopes: frozenset[str]) -> str:
        token = secrets.token_hex(16)
        now = self._clock()
        with self._lock:
            self._tokens = {key: value for key, value in self._tokens.items() if value[1] > now}
            self._tokens[token] = (scopes, now + dialect.token_seconds)
        return token

    def _opens(self, dialect: Dialect, request: Request, credentials: str) -> bool:
        if request.headers["Authorization"].lower().startswith("basic "):
            return _is_password(dialect, credentials)
        with self._lock:
            scopes, end = self._tokens.get(credentials, (frozenset(), 0.0))
        return self._clock() < end and scopes >= _needed(request)


def _needed(request: Request) -> frozenset[str]:
    """Scopes that `request` needs; none for the ping."""
    match = _REPOSITORY.fullmatch(request.path)
    if match:
        return frozenset({f"repository:{match[1]}:pull"})
    return frozenset({"registry:catalog:*"} if request.path == "/v2/_catalog" else ())


def _granted(dialect: Dialect, request: Request) -> frozenset[str]:
    """Scopes asked for, less what is denied: a token server grants less, it does not refuse."""
    asked = " ".join(request.query.get("scope", ())).split()
    pulls = {re.sub(":pull,push$", ":pull", scope) for scope in asked}
    return frozenset(pulls - {f"repository:{name}:pull" for name in dialect.denied_repositories})


def _challenge(dialect: Dialect, request: Request) -> Answer:
    answer = refuse(401, "UNAUTHORIZED", "authentication required")
    if dialect.challenges == "never" or (dialect.challenges == "ping" and request.path != "/v2/"):
        return answer
    scope = "".join(f',scope="{scope}"' for scope in _needed(request))
    bearer = f'Bearer realm="http://{request.headers["Host"]}{TOKEN_PATH}",service="{SERVICE}"{scope}'
    spelled = {"Bearer": bearer, "Basic": f'Basic realm="{SERVICE}"'}
    return with_header(answer, "WWW-Authenticate", ",".join(spelled[scheme] for scheme in dialect.schemes))


def _is_password(dialect: Dialect, credentials: str) -> bool:
    return credentials == base64.b64encode(f"{dialect.user}:{dialect.password}".encode()).decode()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
