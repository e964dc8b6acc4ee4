"""An answer to a request: its head at once, its body as it comes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import requests
from urllib3.exceptions import HTTPError

from crfs_dav.errors import Corrupt, Unavailable
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.failure import reason_of
from crfs_dav.registry.traffic import Traffic
from crfs_dav.registry.urls import Reach

_log = logging.getLogger(__name__)

_BLOCK_SIZE = 64 << 10  # bytes asked of a connection at once
_DRAIN_LIMIT = 64 << 10  # bytes of an unread body that are cheaper to read than a new connection


class Reply:
    """An HTTP response whose body is still to be read; a context manager that gives the connection back."""

    def __init__(
        self, response: requests.Response, what: str, deadline: Deadline, *, reach: Reach, traffic: Traffic
    ) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = response.url
        self.what = what
        self.reach = reach  # of the other end
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
            raise Unavailable(f"{self.what}: body broke off ({reason_of(error)}); expected the rest") from None

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
