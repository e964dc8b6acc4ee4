"""A listening socket: bound before anything serves, so that one process can hand it to others."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from crfs_dav.errors import CrfsError

BACKLOG = 128
_TURN_SECONDS = 0.001


class SharedListener(socket.socket):
    """A listening socket that other processes accept from too: who has taken a connection lets them go first.

    Else the process that wakes first takes all that come at once, and serves them all by itself.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection, and where it comes from."""
        accepted = super().accept()
        time.sleep(_TURN_SECONDS)
        return accepted


def shared(listener: socket.socket) -> SharedListener:
    """The same socket, which `listener` no longer is."""
    return SharedListener(listener.family, listener.type, listener.proto, fileno=listener.detach())


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at the first address of `host` that can be had; raises CrfsError where none can."""
    failure = OSError("no address")
    try:
        places = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        places, failure = [], error
    for family, _, _, _, address in places:
        try:
            return _listener(family, address)
        except OSError as error:
            failure = error
    raise CrfsError(f"address {host}:{port}: {_reason(failure)}; expected one to listen on")


def _listener(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    is_any = address[0] == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=is_any)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the sockets it accepts take it over
    return listener


def _reason(error: OSError) -> str:
    """The system's words without the sentence that Python puts around them; resolvers' errors have numbers below 0."""
    number = error.errno or 0
    return (os.strerror(number) if number > 0 else error.strerror or str(error)).lower()
