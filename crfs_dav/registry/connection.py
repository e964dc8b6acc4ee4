"""HTTP connections on which no wait outlives its call, and which lead no further inside than they may.

urllib3's, with the deadline put under every single read, and the address looked at once it is connected to.

A timeout of `requests` bounds one read of the socket. A server that sends a byte of its headers every few
seconds stays below it for hours; the reader below gives each read only what is left of the whole call.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from crfs_dav.errors import AccessDenied, CrfsError
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.urls import Reach, reach_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SPARE_SECONDS = 5.0  # to open a connection that nobody waits for

_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def under(deadline: Deadline) -> Iterator[None]:
    """A request that is sent inside is read, its body included, before `deadline` or not at all."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def peer_reach(response: requests.Response) -> Reach:
    """How far inside the other end of the connection lies that `response` came by; as told by its address."""
    peer: Reach = getattr(getattr(response.raw, "_original_response", None), "reach", Reach.PUBLIC)
    return peer


class BoundedAdapter(HTTPAdapter):
    """A `requests` adapter whose connections, those through a proxy included, keep the deadline.

    Its connections lead to addresses within `reach`, those through a proxy excepted: nobody tells us theirs. What
    `requests` calls `verify` is here the whole TLS context, made once: its own loads the authorities every time.
    """

    def __init__(self, reach: Reach, **options: Any) -> None:
        self._pools = _POOLS[reach]
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """Where to connect to, and with which TLS: connections of different TLS are never mixed up."""
        where, _ = super().build_connection_pool_key_attributes(request, True)
        return where, {"ssl_context": verify} if where["scheme"] == "https" else {}

    def cert_verify(self, *_: Any) -> None:
        """Nothing: the context knows it all."""

    def open_second(self, request: requests.PreparedRequest, verify: Any) -> None:
        """Open a second connection to where `request` would go, if there is one and no more; returns at once."""
        pool: Any = self.get_connection_with_tls_context(request, verify)
        if pool.num_connections != 1:
            return
        first, second = pool._get_conn(), pool._get_conn()
        pool._put_conn(first)
        threading.Thread(target=_connect, args=(pool, second), name="connect", daemon=True).start()

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Pools of connections through a proxy; one for SOCKS has classes of its own and keeps them."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if manager.pool_classes_by_scheme is PoolManager().pool_classes_by_scheme:
            manager.pool_classes_by_scheme = self._pools
        return manager


def _connect(pool: Any, connection: Any) -> None:
    with suppress(CrfsError, HTTPError, OSError):  # who needs it will try again, and tell
        connection.timeout = _SPARE_SECONDS
        connection.connect()
    put_below(pool, connection)


def put_below(pool: Any, connection: Any) -> None:
    """Into the pool, to be taken after what is in it: what was used is open for sure.

    A proxy near by may take a new connection at once, and then has all the way to the registry to go.
    """
    kept = pool.pool
    if kept is None:  # the pool is closed
        connection.close()
        return
    with kept.mutex:
        kept.queue.insert(kept.queue.count(None), connection)  # above the places of those that are not there
        kept.not_empty.notify()


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
        self.reach = _reach_of_peer(sock)
        deadline = _deadline.get()
        if deadline is not None and isinstance(self.fp, io.BufferedReader):
            self.fp = io.BufferedReader(_BoundedFile(sock, self.fp.detach(), deadline))


def _reach_of_peer(connection: socket.socket) -> Reach:
    try:
        return reach_of(connection.getpeername()[0])
    except OSError:  # gone already
        return Reach.PUBLIC


def _pools(reach: Reach) -> dict[str, type[HTTPConnectionPool]]:
    """Pools of connections that go no further inside than `reach`."""

    class Connection(HTTPConnection):
        response_class = _BoundedResponse

        def _new_conn(self) -> socket.socket:
            return _checked(self, super()._new_conn(), reach)

    class SecureConnection(HTTPSConnection):
        response_class = _BoundedResponse

        def _new_conn(self) -> socket.socket:
            return _checked(self, super()._new_conn(), reach)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def _checked(connection: HTTPConnection, made: socket.socket, reach: Reach) -> socket.socket:
    """`made`, on which nothing was sent yet, if it leads where it may; raises AccessDenied."""
    if connection.proxy is None and _reach_of_peer(made) > reach:
        address = made.getpeername()[0]
        made.close()
        raise AccessDenied(f"{connection.host}: leads to {address}; expected no address of an inner network")
    return made


_POOLS = {reach: _pools(reach) for reach in Reach}
