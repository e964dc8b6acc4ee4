"""`crfs-dav serve`: what it prints, how it stops, what it refuses."""

from __future__ import annotations

import signal
import socket
from http.client import HTTPConnection
from pathlib import Path

import pytest

from crfs_dav import __version__
from crfs_dav.demo.registry import DemoRegistry
from tests.support.dav import DavClient
from tests.support.process import run_cli, serving

STOP_SECONDS = 2.0


def test_start_prints_the_url_and_a_line_for_each_system() -> None:
    with serving("--demo") as server:
        for system in ("Linux", "GNOME", "macOS", "Windows", "rclone"):
            assert system in server.welcome
        assert server.welcome.count(server.url) >= 4


def test_demo_shows_a_browsable_image() -> None:
    with serving("--demo") as server:
        client = DavClient(*server.address)
        registry = client.responses("/images/", depth="1")[1].href

        assert client.get(f"{registry}my/ubuntu/18.04/etc/os-release").status == 200
        assert b"</html>" in client.get(f"{registry}my/ubuntu/18.04/").body


def test_demo_keeps_nothing_on_disk(tmp_path: Path) -> None:
    with serving("--demo", env={"XDG_CACHE_HOME": str(tmp_path)}) as server:
        client = DavClient(*server.address)
        registry = client.responses("/images/", depth="1")[1].href
        client.get(f"{registry}my/ubuntu/18.04/etc/os-release")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it_cleanly(number: signal.Signals) -> None:
    with serving("--demo") as server:
        DavClient(*server.address).get("/README-crfs.txt")

        code, seconds = server.stop(number)

        assert code == 0
        assert seconds < STOP_SECONDS
        assert "Traceback" not in server.log.read_text()


def test_it_stops_in_time_while_a_registry_keeps_it_waiting() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        serving("--registry", f"http://127.0.0.1:{silent.getsockname()[1]}") as server,
    ):
        path = f"/images/127.0.0.1:{silent.getsockname()[1]}/my/ubuntu/18.04/etc/passwd"
        connection = HTTPConnection(*server.address)
        connection.request("GET", path)
        accepted, _ = silent.accept()

        code, seconds = server.stop()
        connection.close()
        accepted.close()

    assert code == 0
    assert seconds < STOP_SECONDS


def test_it_stops_in_time_with_idle_connections() -> None:
    with serving("--demo") as server:
        connections = [HTTPConnection(*server.address) for _ in range(20)]
        for connection in connections:
            connection.request("GET", "/README-crfs.txt")
            connection.getresponse().read()

        code, seconds = server.stop()
        for connection in connections:
            connection.close()

    assert (code, seconds < STOP_SECONDS) == (0, True)


def test_a_registry_given_by_name_is_listed() -> None:
    with DemoRegistry() as registry, serving("--registry", registry.host) as server:
        hrefs = [response.href for response in DavClient(*server.address).responses("/layers/", depth="1")]

        assert [href.replace("%3A", ":") for href in hrefs] == ["/layers/", f"/layers/{registry.host}/"]


def test_settings_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("registries: {registry.example: }\nthreads: 3\n")

    with serving("--config", str(tmp_path / "x.yaml")) as server:
        hrefs = [response.href for response in DavClient(*server.address).responses("/layers/", depth="1")]

    assert hrefs == ["/layers/", "/layers/registry.example/"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("fly",), "invalid choice: 'fly'"),
        (("serve", "--bogus"), "unrecognized arguments: --bogus"),
        (("serve", "--port", "http"), "invalid int value: 'http'"),
        (("serve", "--port", "70000"), "<= 65535"),
        (("serve", "--port", "-1"), ">= 0"),
        (("serve", "--config", "/nowhere.yaml"), "/nowhere.yaml: No such file"),
        (("serve", "--registry", "ubuntu"), "registry: 'ubuntu'"),
        (("serve", "--registry", "ftp://a.b"), "Invalid enum value 'ftp'"),
        (("serve", "--host", "0.0.0.0"), "expected `registries` to name what may be reached"),
        (("serve", "--host", "0.0.0.0", "--registry", "a.b"), "expected `anonymous: true`"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run_cli(*arguments)

    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_cli("serve", "--port", str(port))

    assert result.returncode == 2
    assert result.stderr == (
        f"crfs-dav serve: address 127.0.0.1:{port}: address already in use; expected one to listen on\n"
    )


def test_help_explains_itself() -> None:
    top, serve = run_cli("--help"), run_cli("serve", "--help")

    assert "serve --demo" in top.stdout
    for option in ("--demo", "--config", "--host", "--port", "--workers", "--registry", "--cache-dir", "--verbose"):
        assert option in serve.stdout


def test_version_is_said() -> None:
    assert run_cli("--version").stdout == f"crfs-dav {__version__}\n"
