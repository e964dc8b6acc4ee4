"""Why a request got no answer: what `requests` and urllib3 raise, in words that hold no URL."""

from __future__ import annotations

import socket

import requests
from requests.exceptions import ConnectTimeout, ProxyError, ReadTimeout, SSLError
from urllib3.exceptions import ReadTimeoutError


def is_unknown_host(error: Exception) -> bool:
    """True where the name service says that there is no such name."""
    cause = _system_error(error)
    return isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME


def may_pass(error: Exception) -> bool:
    """True where another try may fare better."""
    return isinstance(error, requests.ConnectionError) and not isinstance(error, SSLError | ConnectTimeout | ProxyError)


def reason_of(error: BaseException) -> str:
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
