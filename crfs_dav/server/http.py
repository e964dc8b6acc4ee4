"""The WSGI app under cheroot: listen, serve, stop in time."""

from __future__ import annotations

import logging
import re
import threading
from wsgiref.types import WSGIApplication

from cheroot import wsgi

from crfs_dav import __version__
from crfs_dav.errors import CrfsError
from crfs_dav.server.connections import Connection

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 10  # how long a connection may say nothing
_KEPT_CONNECTIONS = 200  # Finder, davfs2 and gvfs keep several each; cheroot's default of 10 is soon used up
_BACKLOG = 128
_HEADER_LIMIT = 64 << 10  # bytes
_BODY_LIMIT = 64 << 20  # bytes of a request; without one, cheroot makes room for whatever chunk is announced
_GRACE_SECONDS = 1


class Server:
    """One listening socket and its threads; `start` returns at once."""

    def __init__(self, app: WSGIApplication, address: tuple[str, int], *, threads: int) -> None:
        self._server = _QuietServer(
            address,
            app,
            numthreads=threads,
            server_name=f"crfs-dav/{__version__}",
            request_queue_size=_BACKLOG,
            timeout=_IDLE_SECONDS,
            shutdown_timeout=_GRACE_SECONDS,
        )
        self._server.keep_alive_conn_limit = _KEPT_CONNECTIONS
        self._server.max_request_header_size = _HEADER_LIMIT
        self._server.max_request_body_size = _BODY_LIMIT
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, and serve in threads of its own; raises CrfsError where the address cannot be had."""
        try:
            self._server.prepare()
        except OSError as error:
            host, port = self._server.bind_addr
            raise CrfsError(f"address {host}:{port}: {_reason(error)}; expected one to listen on") from None
        self._thread = threading.Thread(target=self._server.serve, name="accept", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on, also where any was asked for."""
        return int(self._server.bind_addr[1])

    def stop(self) -> bool:
        """Stop listening and let requests end; False if some have not after about a second."""
        stopper = threading.Thread(target=self._server.stop, name="stop", daemon=True)
        stopper.start()
        stopper.join(_GRACE_SECONDS + 0.2)  # cheroot waits without end for a thread that waits for a registry
        return not stopper.is_alive()


class _QuietServer(wsgi.Server):
    ConnectionClass = Connection

    """Cheroot's errors go to our log: without traceback, but for what is a fault of ours."""

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        _log.log(level, "%s", msg, exc_info=traceback and _log.isEnabledFor(logging.DEBUG))


def _reason(error: OSError) -> str:
    """The system's words, out of the sentence that cheroot wraps around them."""
    found = re.search(r"\[Errno -?\d+\] ([^)]+)", str(error))
    return (found[1] if found else error.strerror or str(error)).lower()
