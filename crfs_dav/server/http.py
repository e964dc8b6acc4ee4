"""The WSGI app under cheroot: serve a listening socket, stop in time."""

from __future__ import annotations

import logging
import socket
import threading
from wsgiref.types import WSGIApplication

from cheroot import wsgi

from crfs_dav import __version__
from crfs_dav.server.connections import Connection, Gateway
from crfs_dav.server.listening import BACKLOG

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 10  # how long a connection may say nothing
_KEPT_CONNECTIONS = 200  # Finder, davfs2 and gvfs keep several each; cheroot's default of 10 is soon used up
_HEADER_LIMIT = 64 << 10  # bytes
_BODY_LIMIT = 64 << 20  # bytes of a request; without one, cheroot makes room for whatever chunk is announced
_GRACE_SECONDS = 1


class Server:
    """The threads that serve one listening socket, which it closes in the end; `start` returns at once."""

    def __init__(self, app: WSGIApplication, listener: socket.socket, *, threads: int) -> None:
        self._server = _QuietServer(
            listener.getsockname()[:2],
            app,
            numthreads=threads,
            server_name=f"crfs-dav/{__version__}",
            request_queue_size=BACKLOG,  # cheroot says once more that it listens
            timeout=_IDLE_SECONDS,
            shutdown_timeout=_GRACE_SECONDS,
        )
        self._server.gateway = Gateway
        self._server.listener = listener
        self._server.keep_alive_conn_limit = _KEPT_CONNECTIONS
        self._server.max_request_header_size = _HEADER_LIMIT
        self._server.max_request_body_size = _BODY_LIMIT

    def start(self) -> None:
        """Serve in threads of its own."""
        self._server.prepare()
        threading.Thread(target=self._server.serve, name="accept", daemon=True).start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.bind_addr[1])

    def stop(self) -> bool:
        """Stop listening and let requests end; False if some have not after about a second."""
        stopper = threading.Thread(target=self._server.stop, name="stop", daemon=True)
        stopper.start()
        stopper.join(_GRACE_SECONDS + 0.2)  # cheroot waits without end for a thread that waits for a registry
        return not stopper.is_alive()


class _QuietServer(wsgi.Server):
    """Serves a socket that listens. Errors go to our log: without traceback, but for what is a fault of ours."""

    ConnectionClass = Connection
    listener: socket.socket

    def prepare(self) -> None:
        """Start the threads, and never wait in accept: another process may have been faster."""
        super().prepare()
        self.socket.settimeout(0)

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """The listening socket, in place of a new one."""
        self.socket = self.listener
        return self.listener

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Cheroot's words."""
        _log.log(level, "%s", msg, exc_info=traceback and _log.isEnabledFor(logging.DEBUG))
