"""One question to a registry, asked until it is answered: mirrors, scheme, token, redirects.

1  may we?  then mirrors, then the registry   RegistrySettings.allows, MirrorRests
2  where does it answer?                      Schemes
3  ask, with the authorization known so far   HttpSession
3a 401: answer its challenge, ask once more   Authenticator
3b redirect: go there, at most 5 times        `Authorization` stays at the registry's own scheme, host and port;
                                              no way from outside to the inside: check_target, Reaches
4  the reply, whatever its status             `check` makes errors of it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal
from urllib.parse import urljoin

from crfs_dav.errors import AccessDenied, CrfsError, NotFound, Unavailable
from crfs_dav.names import Registry
from crfs_dav.readers import ReaderAt
from crfs_dav.registry.auth import Authenticator
from crfs_dav.registry.challenge import Challenge, parse_challenges
from crfs_dav.registry.check import check, retry_after_seconds
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.mirrors import Mirror, MirrorRests, is_mirrored
from crfs_dav.registry.reach import Reaches
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.scheme import Endpoint, Schemes
from crfs_dav.registry.session import HttpRequest, HttpSession
from crfs_dav.registry.settings import RegistrySettings
from crfs_dav.registry.throttle import Throttle
from crfs_dav.registry.tokens import Access, TokenServer
from crfs_dav.registry.urls import Reach, check_target, origin, resolve_url, shown
from crfs_dav.registry.warned import WarningLog

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_OF_ANY_METHOD = frozenset({307, 308})  # after the others a client asks by GET (RFC 9110, 15.4)
_MIRROR_STATUSES = frozenset({200, 206, 304, 416})  # of a mirror that has what is wanted
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


@dataclass(frozen=True, slots=True)
class _Stop:
    """A registry or mirror on the way to an answer, and how far inside it may lie."""

    endpoint: Endpoint
    allowed: Reach
    session: HttpSession

    def owns(self, url: str) -> bool:
        """True for URLs that get our authorization."""
        return origin(url) == origin(self.endpoint.url())


class Transport:
    """The way to all registries."""

    def __init__(self, settings: RegistrySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._session = HttpSession(settings, clock)
        self._once = HttpSession(replace(settings, tries=1), clock)  # for mirrors: the next one is the second try
        self._schemes = Schemes(settings)
        self._mirrors = MirrorRests(settings.mirrors, clock)
        self._reaches = Reaches()
        self._throttle = Throttle(clock)
        self._warnings = WarningLog()
        tokens = TokenServer(self._session)
        self._auth = Authenticator(settings.credentials, tokens, reaches=self._reaches, clock=clock)

    @property
    def clock(self) -> Clock:
        """The clock that deadlines are measured with."""
        return self._clock

    def deadline(self, size: int = 0) -> Deadline:
        """The end of a call that starts now and brings `size` bytes."""
        return Deadline(self._settings.deadline_seconds + size / _SLOWEST_BYTES_PER_SECOND, self._clock)

    def ask(self, call: Call, deadline: Deadline) -> Reply:
        """The last answer after redirects and one authentication, of any status; close it.

        Raises Unavailable where nobody answers, AccessDenied where we must not go, Corrupt for what is no URL.
        """
        allowed = self._allowed(call.registry)
        if call.location is None and is_mirrored(call.method, call.path):
            for mirror in self._mirrors.of(call.registry):
                reply = self._ask_mirror(mirror, call, deadline)
                if reply is not None:
                    return reply
        endpoint = self._schemes.endpoint(call.registry, deadline)
        return self._ask_endpoint(_Stop(endpoint, allowed, self._session), call, deadline)

    def greet(self, registry: Registry, deadline: Deadline) -> tuple[Endpoint, list[Challenge]]:
        """Where `registry` answers, and the challenges that its root has for strangers; none where it is open.

        Raises Unavailable, AccessDenied, NotFound.
        """
        allowed = self._allowed(registry)
        stop = _Stop(self._schemes.endpoint(registry, deadline), allowed, self._session)
        return stop.endpoint, self._ping(stop, deadline)

    def fetch(self, call: Call, limit: int, deadline: Deadline) -> tuple[Reply, bytes]:
        """Reply of status 200, closed, and its whole body; a body that breaks off is asked for once more.

        Raises NotFound, AccessDenied, Unavailable, and Corrupt for a body of more than `limit` bytes.
        """
        try:
            return self._fetch_once(call, limit, deadline)
        except _BodyBroke:
            return self._fetch_once(call, limit, deadline)

    def expect_more(self, registry: Registry, deadline: Deadline) -> None:
        """Have a second connection to `registry` opened: of what is asked next, two things will be wanted at once.

        So the second layer of an image does not wait for a handshake, a round trip or more. Raises as `ask`.
        """
        allowed = self._allowed(registry)
        url = self._schemes.endpoint(registry, deadline).url()
        self._session.expect_more(HttpRequest("GET", url, reach=allowed))

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()
        self._once.close()

    def _fetch_once(self, call: Call, limit: int, deadline: Deadline) -> tuple[Reply, bytes]:
        with self.ask(call, deadline) as reply:
            check(reply, 200)
            try:
                return reply, reply.read(limit)
            except Unavailable as error:
                raise _BodyBroke(str(error)) from None

    def _allowed(self, registry: Registry) -> Reach:
        allowed = self._settings.allows(registry)
        if allowed is None:
            raise AccessDenied(f"registry: {registry}; expected one that the configuration allows")
        return allowed

    def _ask_mirror(self, mirror: Mirror, call: Call, deadline: Deadline) -> Reply | None:
        """The mirror's answer, None where the registry has to be asked; a mirror that is down is left alone then."""
        asked = replace(call, registry=mirror.registry, path=mirror.path(call.path), scope=mirror.scope(call.scope))
        try:
            endpoint = self._schemes.endpoint(mirror.registry, deadline)
            reply = self._ask_endpoint(_Stop(endpoint, Reach.LOCAL, self._once), asked, deadline)
        except (AccessDenied, NotFound):  # it is well, but has no such thing for us
            return None
        except CrfsError as error:
            self._mirrors.rest(mirror, error)
            return None
        if reply.status in _MIRROR_STATUSES:
            reply.location = None  # to be asked for again: what the registry itself names may not lie where this does
            return reply
        reply.close()
        if reply.status >= 500 or reply.status == 429:
            self._mirrors.rest(mirror, f"status {reply.status}")
        return None

    def _ask_endpoint(self, stop: _Stop, call: Call, deadline: Deadline) -> Reply:
        own = stop.endpoint.url(call.path)
        url, reach = urljoin(own, call.location or ""), self._reaches.of_location(stop.endpoint.registry)
        for _ in range(_HOPS + 1):
            request = HttpRequest(call.method, url, call.headers, call.body, reach)
            reply = self._ask_at(stop, request, call.scope, deadline=deadline)
            reach = min(reply.reach, self._reaches.of(stop.endpoint.registry))
            target = reply.headers.get("Location")
            if reply.status not in _followed(call) or target is None:
                reply.location = None if url == own else url
                return reply
            reply.close()
            source, url = url, resolve_url(url, target)
            check_target(source, url, own, reach)
        raise Unavailable(f"{call.method} {shown(own)}: more than {_HOPS} redirects; expected less")

    def _ask_at(self, stop: _Stop, request: HttpRequest, scope: str, *, deadline: Deadline) -> Reply:
        """The answer of one URL, which is asked with authorization if it is the registry's own."""
        if not stop.owns(request.url):
            return self._send(stop, _unauthorized(request), deadline)
        access = Access(stop.endpoint, scope)
        authorization = self._auth.known(access, deadline)
        reply = self._send(stop, _authorized(request, authorization), deadline)
        if reply.status != 401:
            return reply
        reply.peek()  # to its end, mostly: the connection is free for the token
        try:
            challenges = parse_challenges(reply.headers.get("WWW-Authenticate", "")) or self._ping(stop, deadline)
            answer = self._auth.answer(access, challenges, rejected=authorization, deadline=deadline)
        except BaseException:
            reply.close()
            raise
        if answer is None:
            return reply
        reply.close()
        return self._send(stop, _authorized(request, answer), deadline)

    def _send(self, stop: _Stop, request: HttpRequest, deadline: Deadline) -> Reply:
        registry = stop.endpoint.registry
        is_own = stop.owns(request.url)
        self._throttle.check(request.method, request.url, request.what)
        reply = stop.session.send(replace(request, reach=stop.allowed) if is_own else request, deadline)
        if is_own:
            self._reaches.note(registry, reply.reach)
        self._warnings.note(registry, reply.headers)
        seconds = retry_after_seconds(reply.headers) if reply.status == 429 else None
        if seconds:
            self._throttle.note(request.method, request.url, seconds)
        return reply

    def _ping(self, stop: _Stop, deadline: Deadline) -> list[Challenge]:
        """Challenges of the registry's root: gcr.io sends none with the 401 of a real request (containers/image)."""
        with self._send(stop, HttpRequest("GET", stop.endpoint.url()), deadline) as reply:
            return parse_challenges(reply.headers.get("WWW-Authenticate", "")) if reply.status == 401 else []


def _authorized(request: HttpRequest, authorization: str | None) -> HttpRequest:
    if authorization is None:
        return request
    return replace(request, headers={**request.headers, "Authorization": authorization})


def _unauthorized(request: HttpRequest) -> HttpRequest:
    """`request` for another host, without what a call brought along for the registry's own."""
    headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
    return replace(request, headers=headers)


def _followed(call: Call) -> frozenset[int]:
    return _REDIRECTS if call.method in ("GET", "HEAD") else _REDIRECTS_OF_ANY_METHOD


class _BodyBroke(Unavailable):
    """A body that did not come whole."""
