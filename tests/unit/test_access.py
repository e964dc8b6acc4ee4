"""The configuration's registries in the registry leg's words."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.access import allowed_registries, registry_settings
from crfs_dav.config import load_config
from crfs_dav.names import parse_registry
from crfs_dav.registry.credentials.secret import Login
from crfs_dav.registry.mirrors import Mirror
from crfs_dav.registry.settings import RegistrySettings, Tls
from crfs_dav.registry.urls import Reach

A = parse_registry("a.b")


def _settings(options: dict[str, Any], **more: Any) -> RegistrySettings:
    return registry_settings(
        load_config(None, {"registries": {"a.b": options}, "credentials": {"files": False}, **more})
    )


@pytest.mark.parametrize(
    ("host", "allow", "expected"),
    [
        ("127.0.0.1", None, (Reach.LOCAL, Reach.LOCAL, Reach.LOCAL)),
        ("127.0.0.1", "any", (Reach.LOCAL, Reach.LOCAL, Reach.LOCAL)),
        ("127.0.0.1", "named", (Reach.LOCAL, None, None)),
        ("0.0.0.0", None, (Reach.LOCAL, None, None)),
        ("0.0.0.0", "named", (Reach.LOCAL, None, None)),
        ("0.0.0.0", "any", (Reach.LOCAL, Reach.PUBLIC, None)),
    ],
)
def test_named_public_and_inner_registries_are_allowed_by_who_may_ask(
    host: str, allow: str | None, expected: tuple[Reach | None, ...]
) -> None:
    config = load_config(None, {"host": host, "allow": allow, "anonymous": True, "registries": {"a.b": None}})

    assert tuple(map(allowed_registries(config), map(parse_registry, ("a.b", "c.d", "10.0.0.1:5000")))) == expected


def test_network_may_reach_any_public_registry_where_the_configuration_says_so() -> None:
    config = load_config(None, {"host": "0.0.0.0", "allow": "any", "anonymous": True})

    assert allowed_registries(config)(A) is Reach.PUBLIC


def test_tls_and_mirrors_are_the_registrys(caplog: pytest.LogCaptureFixture) -> None:
    files = {"ca_bundle": "/ca.pem", "client_certificate": "/me.pem", "client_key": "/me.key"}
    settings = _settings({**files, "mirrors": ["http://10.0.0.1:5000/hub", "c.d"]}, ca_bundle="/all.pem")

    assert settings.tls == {A: Tls(Path("/ca.pem"), Path("/me.pem"), Path("/me.key"))}
    assert settings.mirrors == {A: (Mirror(parse_registry("10.0.0.1:5000"), "hub"), Mirror(parse_registry("c.d")))}
    assert settings.schemes == {parse_registry("10.0.0.1:5000"): "http"}
    assert settings.ca_bundle == Path("/all.pem")
    assert caplog.records == []


def test_insecure_is_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    settings = _settings({"insecure": True})

    assert settings.tls == {A: Tls(is_insecure=True)}
    assert [(record.levelno, "INSECURE" in record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, True)
    ]


def test_account_is_the_registrys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ME_PASSWORD", "hunter2")
    settings = _settings({"username": "me", "password_env": "ME_PASSWORD"})

    assert settings.credentials(A, "x") == Login("me", "hunter2")
    assert settings.credentials(parse_registry("c.d"), "x") is None
    assert "hunter2" not in repr(settings)


def test_password_that_is_not_there_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ME_PASSWORD", raising=False)

    assert _settings({"username": "me", "password_env": "ME_PASSWORD"}).credentials(A, "x") is None
