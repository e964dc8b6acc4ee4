from __future__ import annotations

import json
import logging
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from crfs_dav.names import Registry, parse_registry
from crfs_dav.registry.credentials.accounts import Account
from crfs_dav.registry.credentials.keyring import Keyring, auth_file_paths, open_keyring
from crfs_dav.registry.credentials.secret import Login
from crfs_dav.registry.deadline import Clock
from tests.support.nobody import NOBODY
from tests.unit.registry.credentials.conftest import AddHelper

A = parse_registry("a.b")
OpenKeyring = Callable[..., Keyring]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Docker's and Podman's files would be, empty."""
    for name in NOBODY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


def _open(accounts: dict[Registry, Account] | None = None, *, files: bool = True, helpers: bool = True) -> Keyring:
    return open_keyring(accounts or {}, Clock(), files=files, helpers=helpers, google_metadata=False)


def _document(user: str, key: str = "a.b") -> str:
    return json.dumps({"auths": {key: {"auth": b64encode(f"{user}:hunter2".encode()).decode()}}})


def _write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def _found(keyring: Keyring, name: str = "") -> tuple[str, str]:
    found = keyring.find(A, name)
    assert found is not None
    assert isinstance(found.secret, Login)
    return found.secret.user, found.source


def test_nothing_anywhere_is_nothing(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert _open()(A, "x") is None
    assert caplog.records == []


def test_places_are_looked_into_in_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    podman = _write(home / ".config/containers/auth.json", _document("podman"))
    session = _write(home / "run/containers/auth.json", _document("session"))
    docker = _write(home / ".docker/config.json", _document("docker"))
    named = _write(home / "named.json", _document("named"))
    password = _write(home / "password", "hunter2\n")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(named))
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", _document("variable"))

    assert _found(_open({A: Account("me", str(password))})) == ("me", f"configuration, file {password}")
    assert _found(_open()) == ("variable", "DOCKER_AUTH_CONFIG")
    monkeypatch.delenv("DOCKER_AUTH_CONFIG")
    for user, path in (("named", named), ("docker", docker), ("session", session), ("podman", podman)):
        assert _found(_open()) == (user, str(path))
        path.unlink()
    assert _open().find(A) is None


def test_docker_config_lies_where_its_variable_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(home / "elsewhere/config.json", _document("me"))
    monkeypatch.setenv("DOCKER_CONFIG", str(home / "elsewhere"))

    assert _found(_open()) == ("me", str(path))


def test_podman_without_a_session_keeps_it_by_user_id(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")

    assert Path(f"/run/containers/{os.getuid()}/auth.json") in auth_file_paths()


def test_login_after_the_start_counts_and_logout_too(home: Path) -> None:
    keyring = _open()
    assert keyring.find(A) is None

    path = _write(home / ".docker/config.json", _document("me"))
    assert _found(keyring)[0] == "me"
    _write(path, _document("somebody"))
    assert _found(keyring)[0] == "somebody"
    path.unlink()
    assert keyring.find(A) is None


def test_repository_has_credentials_of_its_own(home: Path) -> None:
    _write(home / ".config/containers/auth.json", _document("me", "a.b/x/y"))

    assert _found(_open(), "x/y/z")[0] == "me"
    assert _open().find(A, "x") is None


def test_helper_comes_before_the_file_that_names_it(home: Path, add_helper: AddHelper) -> None:
    add_helper("keep", """echo '{"Username": "kept", "Secret": "hunter2"}'""")
    path = _write(home / ".docker/config.json", json.dumps(json.loads(_document("me")) | {"credsStore": "keep"}))

    assert _found(_open()) == ("kept", f"docker-credential-keep, which {path} names")
    assert _found(_open(helpers=False)) == ("me", str(path))
    assert _open(files=False).find(A) is None


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("{", "no JSON; expected an object with auths"),
        ('{"auths": {"a.b": {"auth": "hunter2%"}}}', "auths: a.b: auth: no base64; expected that of user:password"),
        ('{"credHelpers": {"a.b": "gone"}}', "docker-credential-gone: not found; expected a program on PATH"),
        ('{"auths": []}', "auths: list; expected an object"),
    ],
)
def test_broken_entry_is_reported_once_and_the_next_place_asked(
    text: str, report: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write(home / ".docker/config.json", text)
    _write(home / ".config/containers/auth.json", _document("podman"))
    keyring = _open()

    assert [_found(keyring)[0] for _ in range(3)] == ["podman"] * 3

    assert [report in record.getMessage() for record in caplog.records] == [True]
    assert "hunter2" not in caplog.text


def test_file_that_is_a_folder_is_reported(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    (home / ".docker/config.json").mkdir(parents=True)

    assert _open().find(A) is None
    assert "config.json: Is a directory; expected a file that can be read" in caplog.text


def test_endless_file_is_reported(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", "/dev/zero")

    assert _open().find(A) is None
    assert "/dev/zero: over 4194304 bytes; expected a small file" in caplog.text


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 0), (0o644, 1)])
def test_secrets_that_everybody_can_read_are_warned_of(
    mode: int, warnings: int, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write(home / ".docker/config.json", _document("me"), mode)
    password = _write(home / "password", "hunter2", mode)

    _open().find(A)
    keyring = _open({A: Account("me", str(password))})
    keyring.find(A)
    keyring.find(A)

    assert caplog.text.count("everybody on this machine can read it; expected mode 600") == 2 * warnings


def test_file_without_secrets_may_be_read_by_everybody(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    _write(home / ".docker/config.json", '{"auths": {"a.b": {}}}', 0o644)

    assert _open().find(A) is None
    assert caplog.records == []


@pytest.mark.parametrize(
    ("account", "report"),
    [
        (Account("me", password_env="GONE"), "password_env: GONE is not set; expected it in the environment"),
        (Account("me", password_file="/nonexistent/me"), "password_file: /nonexistent/me: No such file or directory"),
        (Account("me", password_file="~nosuchuser/me"), "password_file: ~nosuchuser/me: no such user"),
        (Account("me", password_file="/dev/null"), "password_file: /dev/null: empty; expected a password"),
    ],
)
def test_configured_password_that_is_not_there_is_reported_once_by_name(
    account: Account, report: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    _write(home / ".docker/config.json", _document("docker"))
    keyring = _open({A: account})

    assert [_found(keyring)[0] for _ in range(2)] == ["docker"] * 2
    assert [f"registries: a.b: {report}" in record.getMessage() for record in caplog.records] == [True]


def test_configured_password_is_read_when_it_is_needed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(home / "password", "one\r\n")
    keyring = _open({A: Account("me", str(path))})
    assert keyring(A, "") == Login("me", "one")

    _write(path, "two")
    assert keyring(A, "") == Login("me", "two")
    monkeypatch.setenv("ME_PASSWORD", "three")
    assert _open({A: Account("me", password_env="ME_PASSWORD")})(A, "") == Login("me", "three")
