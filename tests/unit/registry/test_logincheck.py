from __future__ import annotations

from typing import Any

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import parse_registry, parse_repository
from crfs_dav.registry.credentials.secret import Found, Login
from crfs_dav.registry.logincheck import LoginCheck, check_login
from crfs_dav.registry.settings import ListingSettings, RegistrySettings

LOGIN = Found(Login("user", "secret"), "a test")
LOCKED = {"schemes": ("Basic",)}


def _check(registry: DemoRegistry, found: Found | None, *, name: str = "", **settings: Any) -> LoginCheck:
    host = parse_registry(registry.host)
    credentials = {"credentials": lambda *_: found.secret} if found else {}
    chosen = RegistrySettings(**{"backoff_seconds": 0.0, **credentials, **settings})
    return check_login(chosen, host, parse_repository(host, name) if name else None, found)


@pytest.mark.parametrize(
    ("dialect", "found", "is_configured", "state", "reason"),
    [
        ({}, None, False, "open", ""),
        ({}, LOGIN, True, "open", ""),
        (LOCKED, LOGIN, True, "accepted", ""),
        (LOCKED, LOGIN, False, "refused", "wants credentials over http"),
        (LOCKED, None, True, "refused", "401"),
        ({"schemes": ("Bearer",)}, None, True, "anonymous", ""),
        ({"schemes": ("Bearer",)}, LOGIN, False, "anonymous", "kept back from http"),
    ],
)
def test_states(
    dialect: dict[str, Any],
    found: Found | None,
    is_configured: bool,
    state: str,
    reason: str,
    registry: DemoRegistry,
) -> None:
    registry.dialect = Dialect(**dialect)
    settings: dict[str, Any] = {"schemes": {parse_registry(registry.host): "http"}} if is_configured else {}

    checked = _check(registry, found, **settings)

    assert (checked.state, checked.url) == (state, f"{registry.url}/v2/")
    assert (reason in checked.reason) if reason else (checked.reason == "")
    assert (checked.names is None) == (state == "refused")


def test_repository_that_is_not_there_is_refused_with_its_name(registry: DemoRegistry) -> None:
    checked = _check(registry, None, name="my/image")

    assert checked.state == "refused"
    assert "/v2/my/image/tags/list: 404" in checked.reason


def test_configured_listing_is_the_one_that_is_told(registry: DemoRegistry) -> None:
    checked = _check(registry, None, listings={parse_registry(registry.host): ListingSettings("none")})

    assert checked.names is not None
    assert checked.names.kind == "none"
    assert checked.names.first == ()


def test_registry_that_is_not_allowed_is_refused_unasked(registry: DemoRegistry) -> None:
    checked = _check(registry, None, allows=lambda _: None)

    assert (checked.state, checked.url) == ("refused", "")
    assert registry.requests == []


def test_registry_that_breaks_is_unreachable(registry: DemoRegistry) -> None:
    registry.faults.broken = 100

    assert _check(registry, None).state == "unreachable"


def test_registry_that_is_gone_is_unreachable(registry: DemoRegistry) -> None:
    registry.close()

    checked = _check(registry, None)

    assert (checked.state, checked.url, checked.names) == ("unreachable", "", None)
