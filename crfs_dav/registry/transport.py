"""One question to a registry, asked until it is answered: scheme, token, redirects.

1  where does it answer?                      Schemes
2  ask, with the authorization known so far   HttpSession
2a 401: answer its challenge, ask once more   Authenticator
2b redirect: go there, at most 5 times        `Authorization` stays at the registry's own scheme, host and port
3  the reply, whatever its status             `check` makes errors of it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import urljoin

from crfs_dav.errors import Unavailable
from crfs_dav.names import Registry
from crfs_dav.readers import ReaderAt
from crfs_dav.registry.auth import Authenticator
from crfs_dav.registry.challenge import Challenge, parse_challenges
from crfs_dav.registry.check import check
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.scheme import Endpoint, Schemes
from crfs_dav.registry.session import HttpSession, Reply
from crfs_dav.registry.settings import RegistrySettings
from crfs_dav.registry.tokens import Access, TokenServer
from crfs_dav.registry.urls import check_target, origin, resolve_url, shown

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_OF_ANY_METHOD = frozenset({307, 308})  # after the others a client asks by GET (RFC 9110, 15.4)
_HOPS = 5
_SLOWEST_BYTES_PER_SECOND = 256 << 10  # a big body gets more time than a small one, but not all the time


@dataclass(frozen=True, slots=True)
class Call:
    """A question: `path` below `/v2/`, or `location`, and the scope it needs.

    `location` is the URL that an earlier reply named, or a path of the registry's host.
    """

    registry: Registry
    path: str
    scope: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    location: str | None = field(default=None, repr=False)  # signed, maybe
    body: ReaderAt | None = None


class Transport:
    """The way to all registries."""

    def __init__(self, settings: RegistrySettings, clock: Clock) -> None:
        self._seconds = settings.deadline_seconds
        self._clock = clock
        self._session = HttpSession(settings, clock)
        self._schemes = Schemes(settings)
        self._auth = Authenticator(settings.credentials, TokenServer(self._session), clock)

    @property
    def clock(self) -> Clock:
        """The clock that deadlines are measured with."""
        return self._clock

    def deadline(self, size: int = 0) -> Deadline:
        """The end of a call that starts now and brings `size` bytes."""
        return Deadline(self._seconds + size / _SLOWEST_BYTES_PER_SECOND, self._clock)

    def ask(self, call: Call, deadline: Deadline) -> Reply:
        """The last answer after redirects and one authentication, of any status; close it.

        Raises Unavailable where nobody answers, AccessDenied where we must not go, Corrupt for what is no URL.
        """
        endpoint = self._schemes.endpoint(call.registry, deadline)
        own = endpoint.url(call.path)
        url = urljoin(own, call.location) if call.location else own
        for _ in range(_HOPS + 1):
            reply = self._ask_once(endpoint, url, call, deadline)
            target = reply.headers.get("Location")
            if reply.status not in _followed(call) or target is None:
                reply.location = None if url == own else url
                return reply
            reply.close()
            source, url = url, resolve_url(url, target)
            check_target(source, url, own)
        raise Unavailable(f"{call.method} {shown(own)}: more than {_HOPS} redirects; expected less")

    def fetch(self, call: Call, limit: int, deadline: Deadline) -> tuple[Reply, bytes]:
        """Reply of status 200, closed, and its whole body; a body that breaks off is asked for once more.

        Raises NotFound, AccessDenied, Unavailable, and Corrupt for a body of more than `limit` bytes.
        """
        try:
            return self._fetch_once(call, limit, deadline)
        except _BodyBroke:
            return self._fetch_once(call, limit, deadline)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()

    def _fetch_once(self, call: Call, limit: int, deadline: Deadline) -> tuple[Reply, bytes]:
        with self.ask(call, deadline) as reply:
            check(reply, 200)
            try:
                return reply, reply.read(limit)
            except Unavailable as error:
                raise _BodyBroke(str(error)) from None

    def _ask_once(self, endpoint: Endpoint, url: str, call: Call, deadline: Deadline) -> Reply:
        if origin(url) != origin(endpoint.url()):
            return self._send(url, call, None, deadline)
        access = Access(endpoint, call.scope)
        authorization = self._auth.known(access, deadline)
        reply = self._send(url, call, authorization, deadline)
        if reply.status != 401:
            return reply
        reply.peek()  # to its end, mostly: the connection is free for the token
        try:
            answer = self._answer(access, reply, rejected=authorization, deadline=deadline)
        except BaseException:
            reply.close()
            raise
        if answer is None:
            return reply
        reply.close()
        return self._send(url, call, answer, deadline)

    def _answer(self, access: Access, reply: Reply, *, rejected: str | None, deadline: Deadline) -> str | None:
        """`Authorization` that answers the 401 in `reply`, or None."""
        challenges = parse_challenges(reply.headers.get("WWW-Authenticate", ""))
        if not challenges:
            challenges = self._ping(access.endpoint, deadline)
        return self._auth.answer(access, challenges, rejected=rejected, deadline=deadline)

    def _send(self, url: str, call: Call, authorization: str | None, deadline: Deadline) -> Reply:
        headers = dict(call.headers) if authorization is None else {**call.headers, "Authorization": authorization}
        return self._session.send(call.method, url, headers, deadline=deadline, body=call.body)

    def _ping(self, endpoint: Endpoint, deadline: Deadline) -> list[Challenge]:
        """Challenges of the registry's root: gcr.io sends none with the 401 of a real request (containers/image)."""
        with self._session.send("GET", endpoint.url(), {}, deadline=deadline) as reply:
            return parse_challenges(reply.headers.get("WWW-Authenticate", "")) if reply.status == 401 else []


def _followed(call: Call) -> frozenset[int]:
    return _REDIRECTS if call.method in ("GET", "HEAD") else _REDIRECTS_OF_ANY_METHOD


class _BodyBroke(Unavailable):
    """A body that did not come whole."""
