"""HTTP connections on which no wait outlives its call: urllib3's with the deadline put under every single read.

A timeout of `requests` bounds one read of the socket. A server that sends a byte of its headers every few
seconds stays below it for hours; the reader below gives each read only what is left of the whole call.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from crfs_dav.registry.deadline import Deadline

if TYPE_CHECKING:
    from typing_extensions import Buffer

_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def under(deadline: Deadline) -> Iterator[None]:
    """A request that is sent inside is read, its body included, before `deadline` or not at all."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


class BoundedAdapter(HTTPAdapter):
    """A `requests` adapter whose connections, those through a proxy included, keep the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Pools of connections through a proxy; one for SOCKS has classes of its own and keeps them."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if manager.pool_classes_by_scheme is PoolManager().pool_classes_by_scheme:
            manager.pool_classes_by_scheme = _POOLS
        return manager


class _BoundedFile(io.RawIOBase):
    """What `socket.makefile` returns, each read of it cut to the time that is left."""

    def __init__(self, connection: socket.socket, file: io.RawIOBase, deadline: Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._file = file
        self._deadline = deadline
        self._patience = connection.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        remaining = self._deadline.remaining
        if remaining <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(remaining if self._patience is None else min(self._patience, remaining))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        deadline = _deadline.get()
        if deadline is not None and isinstance(self.fp, io.BufferedReader):
            self.fp = io.BufferedReader(_BoundedFile(sock, self.fp.detach(), deadline))


class _Connection(HTTPConnection):
    response_class = _BoundedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}
