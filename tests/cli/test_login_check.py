"""`crfs-dav login-check`: what it says and shows of credentials, and its exit codes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.registry import DemoRegistry
from tests.support.process import run_cli

PASSWORD = "hunter2-secret"


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        registry.add_image("my/image", "v1", [])
        yield registry


@pytest.fixture
def config(registry: DemoRegistry, tmp_path: Path) -> Path:
    options = {"scheme": "http", "username": "user", "password_env": "ME_PASSWORD"}
    path = tmp_path / "crfs-dav.yaml"
    path.write_text(json.dumps({"registries": {registry.host: options}}))
    return path


def _check(*arguments: str, password: str = PASSWORD) -> tuple[int, dict[str, Any]]:
    done = run_cli("login-check", "--json", *arguments, env={"ME_PASSWORD": password})
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("scheme", "asks"), [("Bearer", "Bearer http://{}/token"), ("Basic", "Basic demo")])
def test_credentials_that_are_taken(scheme: str, asks: str, registry: DemoRegistry, config: Path) -> None:
    registry.dialect = Dialect(schemes=(scheme,), password=PASSWORD, anonymous_tokens=False)

    code, said = _check(registry.host, "--config", str(config))

    assert code == 0
    assert said == {
        "registry": registry.host,
        "url": f"{registry.url}/v2/",
        "challenges": [asks.format(registry.host)],
        "credentials": {
            "source": "configuration, environment variable ME_PASSWORD",
            "kind": "password",
            "user": "user",
        },
        "answer": {"state": "accepted", "reason": None},
        "listing": {"kind": "catalog", "first": ["my/image"], "reason": None},
    }


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_credentials_that_are_refused(scheme: str, registry: DemoRegistry, config: Path) -> None:
    registry.dialect = Dialect(schemes=(scheme,), password="another")

    code, said = _check(registry.host, "--config", str(config))

    assert (code, said["answer"]["state"], said["listing"]) == (1, "refused", None)
    assert "401" in said["answer"]["reason"]


def test_open_registry(registry: DemoRegistry) -> None:
    code, said = _check(registry.host)

    assert (code, said["answer"]["state"], said["credentials"], said["challenges"]) == (0, "open", None, [])


def test_registry_for_strangers(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(schemes=("Bearer",))

    code, said = _check(registry.host)

    assert (code, said["answer"]["state"]) == (0, "anonymous")


def test_credentials_that_are_kept_back_from_http(registry: DemoRegistry, config: Path) -> None:
    registry.dialect = Dialect(schemes=("Bearer",), password=PASSWORD)
    config.write_text(config.read_text().replace('"scheme": "http", ', ""))

    code, said = _check(registry.host, "--config", str(config))

    assert (code, said["answer"]["state"]) == (0, "anonymous")
    assert "expected `scheme: http` to send them" in said["answer"]["reason"]


def test_one_repository(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(schemes=("Bearer",), denied_repositories=frozenset({"my/image"}))

    assert _check(f"{registry.host}/my/image")[0] == 1
    registry.dialect = Dialect(schemes=("Bearer",))
    assert _check(f"{registry.host}/my/image")[0] == 0


def test_registry_without_a_listing(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(catalog_status=404)

    code, said = _check(registry.host)

    assert (code, said["listing"]["first"]) == (0, [])
    assert "the catalog is not for you" in said["listing"]["reason"]


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        code, said = _check(f"127.0.0.1:{unused.getsockname()[1]}")

    assert (code, said["answer"]["state"], said["url"]) == (3, "unreachable", None)


def test_lines_for_people(registry: DemoRegistry, config: Path) -> None:
    registry.dialect = Dialect(schemes=("Bearer",), password=PASSWORD, anonymous_tokens=False)

    done = run_cli("login-check", registry.host, "--config", str(config), env={"ME_PASSWORD": PASSWORD})

    assert done.stdout.splitlines() == [
        registry.host,
        f"  address      {registry.url}/v2/",
        f"  asks for     Bearer {registry.url}/token",
        "  credentials  password of user, from configuration, environment variable ME_PASSWORD",
        "  answer       takes these credentials",
        "  listing      catalog: my/image, …",
    ]
    assert done.stderr == ""


def test_what_is_no_registry_is_wrong_usage() -> None:
    done = run_cli("login-check", "nothing")

    assert (done.returncode, done.stdout) == (2, "")
    assert "registry: 'nothing'; expected a dot or a port in it" in done.stderr
