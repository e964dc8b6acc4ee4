"""One HTTP request after the other: connections kept, tries and times bounded, nothing followed, nothing added.

`requests` without its `Session`: an adapter keeps the connections, and what a session does besides is what we
must not have. It takes passwords from ~/.netrc over our own, keeps cookies (Harbor then wants CSRF tokens), and
reads the body of a redirect, whatever its size, even where it does not follow it (requests 2.34 `sessions.py`).
Retries are ours too: urllib3's know no deadline, and sleep as long as a `Retry-After` says.

Any number of threads may use one `HttpSession`.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import IO, Self

import requests
from requests.exceptions import ConnectTimeout, ProxyError, ReadTimeout, SSLError
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError, ReadTimeoutError

from crfs_dav.errors import Corrupt, NotFound, Unavailable
from crfs_dav.readers import ReaderAt
from crfs_dav.registry.check import retry_after_seconds
from crfs_dav.registry.connection import BoundedAdapter, under
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.settings import RegistrySettings
from crfs_dav.registry.traffic import Traffic
from crfs_dav.registry.upload import open_body
from crfs_dav.registry.urls import is_internal, origin, shown

_log = logging.getLogger(__name__)

_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})  # "idempotent" in RFC 9110, 9.2.2
_LONGEST_WAIT_SECONDS = 5.0  # for a Retry-After: a longer one is our client's to wait
_HOSTS = 64  # whose connections are kept
_BLOCK_SIZE = 64 << 10  # bytes asked of a connection at once
_DRAIN_LIMIT = 64 << 10  # bytes of an unread body that are cheaper to read than a new connection


class Reply:
    """An HTTP response whose body is still to be read; a context manager that gives the connection back."""

    def __init__(self, response: requests.Response, what: str, deadline: Deadline, *, traffic: Traffic) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = response.url
        self.what = what
        self.location: str | None = None  # where redirects led, if there were any
        self._start: bytes | None = None
        self._response = response
        self._deadline = deadline
        self._traffic = traffic

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def blocks(self) -> Iterator[bytes]:
        """The body as it arrives, not decoded; raises Unavailable where it breaks off or takes too long."""
        raw = self._response.raw
        try:
            while block := raw.read1(_BLOCK_SIZE, decode_content=False):
                self._traffic.count_received(len(block))
                yield block
                self._deadline.check(self.what)
        except (HTTPError, OSError) as error:
            raise Unavailable(f"{self.what}: body broke off ({_reason(error)}); expected the rest") from None

    def read(self, limit: int) -> bytes:
        """The whole body; raises Corrupt if it is longer than `limit` bytes, Unavailable if it breaks off."""
        body = bytearray()
        for block in self.blocks():
            body += block
            if len(body) > limit:
                raise Corrupt(f"{self.what}: body of more than {limit} bytes; expected no more")
        return bytes(body)

    def peek(self) -> bytes:
        """The start of the body, or what came of it before it broke off: for the text of an error."""
        if self._start is None:
            body = bytearray()
            try:
                for block in self.blocks():
                    body += block
                    if len(body) >= _DRAIN_LIMIT:
                        break
            except Unavailable:
                _log.debug("%s: body of an error broke off", self.what)
            self._start = bytes(body)
        return self._start

    def close(self) -> None:
        """Give the connection back for the next request if little of the body is left, else close it."""
        raw = self._response.raw
        if (raw.length_remaining or 0) <= _DRAIN_LIMIT and self.headers.get("Content-Length") is not None:
            self.peek()
        self._response.close()


class HttpSession:
    """Connections to registries, and what every request has in common."""

    def __init__(self, settings: RegistrySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._adapter = BoundedAdapter(pool_connections=_HOSTS, pool_maxsize=settings.workers, max_retries=0)
        self._ca_bundle = str(settings.ca_bundle) if settings.ca_bundle else _environment_ca_bundle()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], *, deadline: Deadline, body: ReaderAt | None = None
    ) -> Reply:
        """The answer to one request, whatever its status; raises Unavailable where none came in time.

        What may pass is tried again, `body` from its start: dropped connections, 5xx, and 429 where it asks for a
        short wait. POST and PATCH are not: they may have done their work before the answer was lost.
        """
        what = f"{method} {shown(url)}"
        tries = self._settings.tries if method in _REPEATABLE_METHODS else 1
        for tried in range(1, tries + 1):
            backoff = self._settings.backoff_seconds * 2 ** (tried - 1)
            is_last = tried == tries
            request = self._prepare(method, url, headers, content=open_body(body, what, deadline))
            try:
                reply = self._exchange(request, what, deadline)
            except _Dropped as failure:
                if is_last or not deadline.pause(backoff):
                    raise Unavailable(f"{what}: {failure}; expected an answer") from None
                continue
            wait = _wait_seconds(reply, backoff)
            if is_last or wait is None or not deadline.pause(wait):
                return reply
            reply.close()
        raise Unavailable(f"{what}: no try allowed; expected at least one")

    def close(self) -> None:
        """Close the connections that are kept."""
        self._adapter.close()

    def _prepare(
        self, method: str, url: str, headers: Mapping[str, str], *, content: IO[bytes] | None
    ) -> requests.PreparedRequest:
        common = {"User-Agent": self._settings.user_agent, "Accept-Encoding": "identity"}
        try:
            return requests.Request(method, url, headers={**common, **headers}, data=content).prepare()
        except (requests.RequestException, UnicodeError):
            raise Unavailable(
                f"{method} {shown(url)}: no such URL or header can be sent; expected a legal one"
            ) from None

    def _exchange(self, request: requests.PreparedRequest, what: str, deadline: Deadline) -> Reply:
        remaining = deadline.check(what)
        started = self._clock.now()
        timeout = (min(self._settings.connect_seconds, remaining), min(self._settings.read_seconds, remaining))
        url = request.url or ""
        try:
            self._settings.traffic.count_request()
            with under(deadline):
                response = self._adapter.send(
                    request, stream=True, timeout=timeout, verify=self._ca_bundle or True, proxies=_proxies(url)
                )
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            _log.debug("%s: %s", what, _reason(error))
            if _is_unknown_host(error):
                raise NotFound(f"{what}: no such host; expected one that the name service knows") from None
            if _may_pass(error):
                raise _Dropped(_reason(error)) from None
            raise Unavailable(f"{what}: {_reason(error)}; expected an answer") from None
        elapsed = self._clock.now() - started
        extent = request.headers.get("Range", "whole")
        _log.debug("%s (%s): %d in %.3f s", what, extent, response.status_code, elapsed)
        return Reply(response, what, deadline, traffic=self._settings.traffic)


class _Dropped(Exception):
    """No answer, for a reason that may be gone at the next try."""


def _is_unknown_host(error: Exception) -> bool:
    cause = _system_error(error)
    return isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME


def _may_pass(error: Exception) -> bool:
    return isinstance(error, requests.ConnectionError) and not isinstance(error, SSLError | ConnectTimeout | ProxyError)


def _wait_seconds(reply: Reply, backoff: float) -> float | None:
    """Seconds before the next try; None where this answer is the one to give."""
    if reply.status not in _TRANSIENT_STATUSES:
        return None
    asked = retry_after_seconds(reply.headers)
    if asked is not None:
        return asked if asked <= _LONGEST_WAIT_SECONDS else None
    return None if reply.status == 429 else backoff


def _reason(error: BaseException) -> str:
    """Why there was no answer, in words without a URL: texts of requests and urllib3 spell whole signed ones."""
    if isinstance(error, ConnectTimeout):
        return "no connection in time"
    if isinstance(error, ReadTimeout | ReadTimeoutError):
        return "no answer in time"
    cause = _system_error(error)
    if cause is not None:
        return cause.strerror or type(cause).__name__
    return type(error).__name__


def _system_error(error: BaseException) -> OSError | None:
    """The error of socket or TLS that is at the bottom of `error`; requests' own errors are OSErrors too."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return None
        if isinstance(seen, OSError) and not isinstance(seen, requests.RequestException):
            return seen
        wrapped = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, BaseException)), None)
        seen = wrapped if isinstance(wrapped, BaseException) else seen.__cause__ or seen.__context__
    return None


def _environment_ca_bundle() -> str | None:
    return next(filter(None, map(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"))), None)


def _proxies(url: str) -> dict[str, str]:
    """Proxies of the environment for `url`; none for this machine and the inner network, as no proxy reaches them."""
    return {} if is_internal(origin(url)[1]) else get_environ_proxies(url)


def hide_queries(record: logging.LogRecord) -> bool:
    """True, after cutting the queries of URLs off a log record: urllib3 logs them whole, signatures included."""
    record.msg, record.args = re.sub(r"\?\S*", "?...", record.getMessage()), ()
    return True
