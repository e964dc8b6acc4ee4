"""Private registries, mirrors and policy through the whole server: status, headers, and exact requests."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.demo.sample import build_sample
from tests.support.nobody import NOBODY
from tests.support.site import asked, site

PASSWORD = "hunter2-correct-horse"
IMAGE = "my/ubuntu/18.04"


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        build_sample(registry)
        yield registry


@pytest.fixture
def docker_login(registry: DemoRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `docker login` leaves."""
    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)
    auth = {"auth": b64encode(f"user:{PASSWORD}".encode()).decode()}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: auth}}))
    (tmp_path / "config.json").chmod(0o600)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.mark.parametrize("schemes", [("Basic",), ("Bearer",), ("Bearer", "Basic")])
def test_docker_login_is_enough(
    schemes: tuple[str, ...], registry: DemoRegistry, docker_login: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registry.dialect = Dialect(schemes=schemes, password=PASSWORD, anonymous_tokens=False)

    with site(registry, credentials={"files": True}) as crfs:
        reply = crfs.get(f"/images/{registry.host}/{IMAGE}/etc/os-release")

    assert reply.status == 200
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("crfs_dav.demo")]
    assert ours
    assert PASSWORD not in "".join(ours)


def test_without_a_login_it_is_forbidden_and_says_no_secret(registry: DemoRegistry) -> None:
    registry.dialect = Dialect(schemes=("Basic",), password=PASSWORD)

    with site(registry) as crfs:
        reply = crfs.get(f"/images/{registry.host}/{IMAGE}/etc/os-release")

    assert reply.status == 403
    assert "www-authenticate" not in reply.headers
    assert PASSWORD.encode() not in reply.body


def test_mirror_serves_what_the_registry_is_not_asked_for(registry: DemoRegistry) -> None:
    with DemoRegistry() as empty:
        registries = {empty.host: {"scheme": "http", "mirrors": [registry.url]}}
        with site(empty, registries=registries) as crfs:
            reply = crfs.get(f"/images/{empty.host}/{IMAGE}/etc/os-release")

        assert reply.status == 200
        assert [line for line in asked(empty) if "/manifests/" in line or "/blobs/" in line] == []


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"host": "0.0.0.0", "anonymous": True}, 403),
        ({"host": "0.0.0.0", "anonymous": True, "allow": "any"}, 403),
        ({"allow": "named"}, 403),
        ({}, 207),
    ],
)
def test_registry_that_is_not_named_is_reached_where_policy_allows_it(
    settings: dict[str, Any], status: int, registry: DemoRegistry
) -> None:
    with DemoRegistry() as other:
        with site(registry, **settings) as crfs:
            assert crfs.status(f"/images/{other.host}/") == status
        assert other.requests == []


def test_remaining_wait_is_told_without_asking_again(registry: DemoRegistry) -> None:
    path = f"/images/{registry.host}/{IMAGE}/etc/os-release"
    registry.faults.throttled = 1
    registry.faults.retry_after = "3600"
    registry.faults.path_contains = "/manifests/"

    with site(registry, tag_ttl_seconds=0) as crfs:
        first = crfs.get(path)
        before = len(registry.requests)
        second = crfs.get(path)

    assert (first.status, second.status) == (503, 503)
    assert 3590 <= int(second.headers["retry-after"]) <= int(first.headers["retry-after"]) == 3600
    assert len(registry.requests) == before
