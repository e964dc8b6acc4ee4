"""Errors to HTTP statuses: the one table, and the errors of the protocol itself."""

from __future__ import annotations

import math

from crfs_dav.dav.response import Response, text_response
from crfs_dav.errors import AccessDenied, BadName, Corrupt, CrfsError, NotFound, Unavailable, Underway

ALLOW = ("Allow", "OPTIONS, HEAD, GET, PROPFIND")
_RETRY_AFTER_SECONDS = 5


class BadRequest(CrfsError):
    """A request that breaks its protocol."""


class BrokenBody(BadRequest):
    """A request body whose end cannot be found, so that the connection has to be closed."""


class ContentTooLarge(CrfsError):
    """A request body over its limit; cheroot closes the connection after a 413 without reading on."""


# For the client a fixed sentence, and how far long work is; what happened in detail stands in the log only.
_STATUSES: dict[type[CrfsError], tuple[str, str]] = {
    NotFound: ("404 Not Found", "There is nothing here."),
    BadName: ("404 Not Found", "There is nothing here."),
    AccessDenied: ("403 Forbidden", "The registry, or this server's policy, says no."),
    Unavailable: ("503 Service Unavailable", "This cannot be had now; try again later."),
    Corrupt: ("502 Bad Gateway", "The registry holds damaged content here."),
    BadRequest: ("400 Bad Request", "The request breaks the protocol."),
    ContentTooLarge: ("413 Content Too Large", "The request's body is too large."),
}
_UNEXPECTED = ("500 Internal Server Error", "The server failed; its log says how.")


def failure(error: Exception) -> Response:
    """Answer to a request that ended in `error`: 500 for what is no CrfsError."""
    status, text = next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), _UNEXPECTED)
    text = f"Not ready yet: {error.progress}; try again later." if isinstance(error, Underway) else text
    response = text_response(status, text)
    if isinstance(error, Unavailable):
        response.headers.append(("Retry-After", str(_retry_after(error))))
    if isinstance(error, BrokenBody):
        return response.closing()
    return response


def method_not_allowed() -> Response:
    """405 and what is allowed: everything that writes or locks, and every unknown method (RFC 9110, 15.5.6)."""
    return text_response("405 Method Not Allowed", "This server is read-only.", ALLOW)


def _retry_after(error: Unavailable) -> int:
    seconds = error.retry_after_seconds
    return _RETRY_AFTER_SECONDS if seconds is None else max(1, math.ceil(seconds))
