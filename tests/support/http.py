"""One request to a server of a test, redirects not followed, the body as it came."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message
    body: bytes


def fetch(
    url: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
) -> Reply:
    """The reply to one request on a connection of its own; raises what `http.client` does."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, body, headers or {})
        response: Any = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()
