"""`crfs-dav serve --workers`: several processes on one port, seen from outside."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.dav import DavClient
from tests.support.process import ServeProcess, run_cli, serving

STOP_SECONDS = 2.0
_PATIENCE_SECONDS = 30.0


def workers_of(server: ServeProcess) -> set[int]:
    """Process ids of the workers: children that were spawned to serve, by Linux's `/proc`."""
    task = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return {pid for pid in map(int, task.read_text().split()) if b"spawn_main" in _command_line(pid)}


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_running(pid: int) -> bool:
    return _command_line(pid) != b""  # a zombie has none


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def reads(server: ServeProcess) -> bool:
    """True if a connection of its own is answered as it should."""
    connection = HTTPConnection(*server.address, timeout=_PATIENCE_SECONDS)
    connection.request("GET", "/README-crfs.txt")
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status == 200


def test_all_workers_serve_one_demo() -> None:
    with serving("--demo", "--workers", "2") as server:
        client = DavClient(*server.address)
        registry = client.responses("/images/", depth="1")[1].href

        assert len(workers_of(server)) == 2
        for _ in range(8):
            assert client.get(f"{registry}my/ubuntu/18.04/etc/os-release").status == 200


def test_the_welcome_is_said_once() -> None:
    with serving("--demo", "--workers", "2") as server:
        assert reads(server)
        server.stop()

        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""


def test_a_worker_that_is_killed_is_replaced() -> None:
    with serving("--demo", "--workers", "2") as server:
        assert reads(server)
        killed = min(workers_of(server))

        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in workers_of(server) and len(workers_of(server)) == 2)

        assert all(reads(server) for _ in range(8))
        assert f"worker {killed} ended with -9; starting another" in server.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_all_of_them_cleanly(number: signal.Signals) -> None:
    with serving("--demo", "--workers", "2") as server:
        assert reads(server)
        workers = workers_of(server)

        code, seconds = server.stop(number)

        assert code == 0
        assert seconds < STOP_SECONDS
        assert not any(map(_is_running, workers))
        assert "Traceback" not in server.log.read_text()


def test_ctrl_c_is_the_parents_to_hear() -> None:
    with serving("--demo", "--workers", "2") as server:
        assert reads(server)
        workers = workers_of(server)

        for pid in workers:
            os.kill(pid, signal.SIGINT)
        time.sleep(0.2)

        assert workers_of(server) == workers
        assert reads(server)


def test_no_worker_outlives_a_parent_that_is_killed() -> None:
    with serving("--demo", "--workers", "2") as server:
        assert reads(server)
        workers = workers_of(server)

        server.process.kill()
        server.process.wait()

        wait_until(lambda: not any(map(_is_running, workers)))


def test_idle_workers_do_not_hold_up_each_others_connections() -> None:
    with serving("--demo", "--workers", "2") as server:
        kept = [HTTPConnection(*server.address, timeout=_PATIENCE_SECONDS) for _ in range(4)]
        for connection in kept * 2:
            connection.request("GET", "/README-crfs.txt")
            connection.getresponse().read()

        started = time.monotonic()
        for _ in range(20):
            assert reads(server)
            for connection in kept:
                connection.request("GET", "/README-crfs.txt")
                connection.getresponse().read()

        assert time.monotonic() - started < 20 * 0.5  # who waits in accept for what another took, waits a second
        for connection in kept:
            connection.close()


def test_a_taken_port_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_cli("serve", "--demo", "--workers", "2", "--port", str(port))

    assert result.returncode == 2
    assert result.stderr == (
        f"crfs-dav serve: address 127.0.0.1:{port}: address already in use; expected one to listen on\n"
    )


@pytest.mark.parametrize("count", ["0", "65", "-1"])
def test_a_count_that_cannot_be_is_refused(count: str) -> None:
    result = run_cli("serve", "--workers", count)

    assert result.returncode == 2
    assert "workers" in result.stderr
