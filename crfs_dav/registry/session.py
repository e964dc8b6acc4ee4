"""One HTTP request after the other: connections kept, tries and times bounded, nothing followed, nothing added.

`requests` without its `Session`: an adapter keeps the connections, and what a session does besides is what we
must not have. It takes passwords from ~/.netrc over our own, keeps cookies (Harbor then wants CSRF tokens), and
reads the body of a redirect, whatever its size, even where it does not follow it (requests 2.34 `sessions.py`).
Retries are ours too: urllib3's know no deadline, and sleep as long as a `Retry-After` says.

Any number of threads may use one `HttpSession`.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, Any

import requests
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError

from crfs_dav.errors import NoHost, Unavailable
from crfs_dav.readers import ReaderAt
from crfs_dav.registry.check import retry_after_seconds
from crfs_dav.registry.connection import BoundedAdapter, peer_reach, under
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.failure import is_unknown_host, may_pass, reason_of
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.settings import RegistrySettings
from crfs_dav.registry.tls import TlsContexts
from crfs_dav.registry.upload import open_body
from crfs_dav.registry.urls import Reach, is_internal, origin, shown

_log = logging.getLogger(__name__)

_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})  # "idempotent" in RFC 9110, 9.2.2
_LONGEST_WAIT_SECONDS = 5.0  # for a Retry-After: a longer one is our client's to wait
_HOSTS = 64  # whose connections are kept


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to ask, and how far inside the address may lie that the URL leads to."""

    method: str
    url: str = field(repr=False)  # signed, maybe
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    body: ReaderAt | None = None
    reach: Reach = Reach.LOCAL

    @property
    def what(self) -> str:
        """Method and URL, as they may be shown."""
        return f"{self.method} {shown(self.url)}"


class HttpSession:
    """Connections to registries, and what every request has in common."""

    def __init__(self, settings: RegistrySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        pools = {"pool_connections": _HOSTS, "pool_maxsize": settings.workers, "max_retries": 0}
        self._adapters = {reach: BoundedAdapter(reach, **pools) for reach in Reach}
        self._tls = TlsContexts(settings)

    def send(self, request: HttpRequest, deadline: Deadline) -> Reply:
        """The answer to one request, whatever its status; raises Unavailable where none came in time.

        What may pass is tried again, its body from the start: dropped connections, 5xx, and 429 where it asks for a
        short wait. POST and PATCH are not: they may have done their work before the answer was lost. Raises
        AccessDenied where the URL leads further inside than it may.
        """
        tries = self._settings.tries if request.method in _REPEATABLE_METHODS else 1
        for tried in range(1, tries + 1):
            backoff = self._settings.backoff_seconds * 2 ** (tried - 1)
            is_last = tried == tries
            try:
                reply = self._exchange(request, deadline)
            except _Dropped as failure:
                if is_last or not deadline.pause(backoff):
                    raise Unavailable(f"{request.what}: {failure}; expected an answer") from None
                continue
            wait = _wait_seconds(reply, backoff)
            if is_last or wait is None or not deadline.pause(wait):
                return reply
            reply.close()
        raise Unavailable(f"{request.what}: no try allowed; expected at least one")

    def expect_more(self, request: HttpRequest) -> None:
        """Open a second connection to where `request` goes, while nobody waits for it; none through a proxy."""
        prepared = self._prepare(request, None)
        url = prepared.url or ""
        if not _proxies(url):
            self._adapters[request.reach].open_second(prepared, self._tls_of(url))

    def close(self) -> None:
        """Close the connections that are kept."""
        for adapter in self._adapters.values():
            adapter.close()

    def _prepare(self, request: HttpRequest, content: IO[bytes] | None) -> requests.PreparedRequest:
        headers = {"User-Agent": self._settings.user_agent, "Accept-Encoding": "identity", **request.headers}
        try:
            return requests.Request(request.method, request.url, headers=headers, data=content).prepare()
        except (requests.RequestException, UnicodeError):
            text = f"{request.what}: no such URL or header can be sent; expected a legal one"
            raise Unavailable(text) from None

    def _tls_of(self, url: str) -> ssl.SSLContext | None:
        return self._tls.context(url) if url.startswith("https:") else None

    def _exchange(self, request: HttpRequest, deadline: Deadline) -> Reply:
        what = request.what
        remaining = deadline.check(what)
        prepared = self._prepare(request, open_body(request.body, what, deadline))
        url = prepared.url or ""
        proxies = _proxies(url)
        sending: dict[str, Any] = {
            "timeout": (min(self._settings.connect_seconds, remaining), min(self._settings.read_seconds, remaining)),
            "verify": self._tls_of(url),
            "proxies": proxies,
        }
        started = self._clock.now()
        try:
            self._settings.traffic.count_request()
            with under(deadline):
                response = self._adapters[request.reach].send(prepared, stream=True, **sending)
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            raise _failure(error, what) from None
        elapsed = self._clock.now() - started
        extent = prepared.headers.get("Range", "whole")
        _log.debug("%s (%s): %d in %.3f s", what, extent, response.status_code, elapsed)
        reach = Reach.PUBLIC if select_proxy(url, proxies) else peer_reach(response)
        return Reply(response, what, deadline, reach=reach, traffic=self._settings.traffic)


class _Dropped(Exception):
    """No answer, for a reason that may be gone at the next try."""


def _failure(error: Exception, what: str) -> Exception:
    reason = reason_of(error)
    _log.debug("%s: %s", what, reason)
    if is_unknown_host(error):
        return NoHost(f"{what}: no such host; expected one that the name service knows")
    return _Dropped(reason) if may_pass(error) else Unavailable(f"{what}: {reason}; expected an answer")


def _wait_seconds(reply: Reply, backoff: float) -> float | None:
    """Seconds before the next try; None where this answer is the one to give."""
    if reply.status not in _TRANSIENT_STATUSES:
        return None
    asked = retry_after_seconds(reply.headers)
    if asked is not None:
        return asked if asked <= _LONGEST_WAIT_SECONDS else None
    return None if reply.status == 429 else backoff


def _proxies(url: str) -> dict[str, str]:
    """Proxies of the environment for `url`; none for this machine and the inner network, as no proxy reaches them."""
    return {} if is_internal(origin(url)[1]) else get_environ_proxies(url)


def hide_queries(record: logging.LogRecord) -> bool:
    """True, after cutting the queries of URLs off a log record: urllib3 logs them whole, signatures included."""
    record.msg, record.args = re.sub(r"\?\S*", "?...", record.getMessage()), ()
    return True
