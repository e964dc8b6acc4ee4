"""A connection that breaks: a TCP proxy that ends connections after so many bytes of the client's."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class CuttingProxy:
    """At `host`, what `upstream` (host:port) serves; the first `times` connections that send much are cut.

    A context manager.
    """

    def __init__(self, upstream: str, *, after: int, times: int) -> None:
        host, _, port = upstream.rpartition(":")
        self.cuts = 0
        self._upstream = (host, int(port))
        self._after = after
        self._times = times
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> CuttingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            _end(connection)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream)
                self._open += [client, server]
                threading.Thread(target=self._send_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass_back, args=(server, client), daemon=True).start()

    def _send_on(self, client: socket.socket, server: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
                sent += len(data)
                if self._is_enough(sent):
                    break
        _end(client)
        _end(server)

    def _is_enough(self, sent: int) -> bool:
        with self._lock:
            if sent < self._after or self.cuts >= self._times:
                return False
            self.cuts += 1
            return True

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        _end(client)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
