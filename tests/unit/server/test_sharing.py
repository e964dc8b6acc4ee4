"""Threads are for whoever asks: nobody keeps one that others wait for."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from crfs_dav.server.http import Server
from crfs_dav.server.listening import listen

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The name of the thread that serves."""
    name = threading.current_thread().name.encode()
    start_response("200 OK", [("Content-Length", str(len(name)))])
    return [name]


@pytest.fixture
def port() -> Iterator[int]:
    server = Server(app, listen("127.0.0.1", 0), threads=1)
    server.start()
    yield server.port
    server.stop()


def ask(connection: HTTPConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()


def test_a_busy_connection_does_not_keep_the_only_thread(port: int) -> None:
    busy, other = (HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(2))
    done = threading.Event()

    def ask_on() -> None:
        while not done.is_set():
            ask(busy)

    asking = threading.Thread(target=ask_on)
    asking.start()
    answers = [ask(other) for _ in range(20)]
    done.set()
    asking.join()

    assert len(set(answers)) == 1
    busy.close()
    other.close()


def test_a_connection_that_pauses_is_answered_again(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    first = ask(connection)
    threading.Event().wait(0.05)  # longer than a thread waits for it

    assert ask(connection) == first
    connection.close()
