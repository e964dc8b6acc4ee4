from __future__ import annotations

import socket
import threading

import pytest

from crfs_dav.errors import CrfsError
from crfs_dav.server.listening import listen, shared


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "::1"])
def test_it_listens_where_it_is_told(host: str) -> None:
    with listen(host, 0) as listener, socket.create_connection(listener.getsockname()[:2], 10) as connection:
        assert connection.getpeername()[:2] == listener.getsockname()[:2]


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
def test_an_address_that_is_not_this_machines_is_refused(host: str) -> None:
    with pytest.raises(CrfsError, match=f"address {host}:0: .+; expected one to listen on"):
        listen(host, 0)


def test_who_shares_a_socket_gets_a_share_of_what_comes_at_once() -> None:
    listener = listen("127.0.0.1", 0)
    address = listener.getsockname()
    shares = [shared(listener.dup()) for _ in range(2)]
    taken: list[list[socket.socket]] = [[], []]
    ready = threading.Barrier(3)

    def take(at: int) -> None:
        shares[at].settimeout(1)
        ready.wait()
        try:
            while True:
                taken[at].append(shares[at].accept()[0])
        except TimeoutError:
            return

    takers = [threading.Thread(target=take, args=(at,)) for at in range(2)]
    for taker in takers:
        taker.start()
    connections = [socket.create_connection(address) for _ in range(40)]
    ready.wait()
    for taker in takers:
        taker.join()

    assert min(map(len, taken)) >= 5
    assert sum(map(len, taken)) == 40
    for each in (listener, *shares, *connections, *taken[0], *taken[1]):
        each.close()
