"""Indexes whose entries say too little, or are indexes themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Digest
from crfs_dav.oci import OCI_INDEX, OCI_MANIFEST
from tests.support.archives import file
from tests.support.images import layer_of
from tests.support.site import asked, site


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


def _image(registry: DemoRegistry, architecture: str) -> Digest:
    config = {"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": []}}
    return registry.add_image("a/b", None, [layer_of(file("arch", architecture.encode()))], config=config)


def _index(registry: DemoRegistry, tag: str | None, *entries: dict[str, Any]) -> Digest:
    return registry.add_manifest("a/b", tag, {"schemaVersion": 2, "manifests": list(entries)}, OCI_INDEX)


def _entry(digest: Digest, media_type: str = OCI_MANIFEST, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(digest), "size": 1000, **more}


ARM64: dict[str, Any] = {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}


def _platforms(names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(("linux-", "unknown"))]


def test_a_missing_platform_is_read_from_the_config(registry: DemoRegistry) -> None:
    _index(registry, "v1", _entry(_image(registry, "s390x")), _entry(_image(registry, "arm64"), **ARM64))
    with site(registry, platform="linux/s390x") as crfs:
        assert _platforms(crfs.names(f"/layers/{registry.host}/a/b/v1/")) == ["linux-s390x/", "linux-arm64-v8/"]
        assert crfs.get(f"/images/{registry.host}/a/b/v1/arch").body == b"s390x"


def test_a_missing_platform_costs_nothing_where_a_stated_one_fits(registry: DemoRegistry) -> None:
    _index(registry, "v1", _entry(_image(registry, "s390x")), _entry(_image(registry, "arm64"), **ARM64))
    with site(registry, platform="linux/arm64") as crfs:
        assert crfs.get(f"/images/{registry.host}/a/b/v1/arch").body == b"arm64"

    assert asked(registry) == [
        "HEAD a/b/manifests/v1",
        "GET a/b/manifests/sha256",
        "GET a/b/manifests/sha256",
        "GET a/b/blobs/sha256 *",
    ]


def test_an_index_in_an_index_shows_its_platforms(registry: DemoRegistry) -> None:
    inner = _index(registry, None, _entry(_image(registry, "arm64"), **ARM64), _entry(_image(registry, "riscv64")))
    _index(registry, "v1", _entry(_image(registry, "amd64")), _entry(inner, OCI_INDEX))
    with site(registry, platform="linux/arm64/v8") as crfs:
        tail = f"{registry.host}/a/b/v1"

        names = _platforms(crfs.names(f"/layers/{tail}/"))
        assert names == ["linux-amd64/", "linux-arm64-v8/", "linux-riscv64/"]
        assert crfs.get(f"/layers/{tail}/linux-riscv64/0/arch").body == b"riscv64"
        assert crfs.get(f"/images/{tail}/arch").body == b"arm64"


def test_indexes_in_indexes_end(registry: DemoRegistry) -> None:
    digest = _index(registry, None, _entry(_image(registry, "amd64")))
    for _ in range(6):
        digest = _index(registry, "deep", *[_entry(digest, OCI_INDEX)] * 10)
    with site(registry) as crfs:
        assert crfs.status(f"/images/{registry.host}/a/b/deep/arch") == 404
        assert all("unknown" in name for name in _platforms(crfs.names(f"/layers/{registry.host}/a/b/deep/")))

    assert len(registry.requests) < 10


def test_an_entry_that_is_not_there_is_shown_and_not_chosen(registry: DemoRegistry) -> None:
    missing = Digest("sha256", "0" * 64)
    _index(registry, "v1", _entry(missing), _entry(_image(registry, "amd64")))
    with site(registry) as crfs:
        assert crfs.get(f"/images/{registry.host}/a/b/v1/arch").body == b"amd64"
        assert _platforms(crfs.names(f"/layers/{registry.host}/a/b/v1/")) == ["unknown/", "linux-amd64/"]


def test_machinery_has_no_directory(registry: DemoRegistry) -> None:
    attestation: dict[str, Any] = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    soci: dict[str, Any] = {"artifactType": "application/vnd.amazon.soci.index.v2+json", **ARM64}
    _index(
        registry,
        "v1",
        _entry(_image(registry, "arm64"), **soci),
        _entry(_image(registry, "mips"), **attestation, platform={"os": "unknown", "architecture": "unknown"}),
        _entry(_image(registry, "arm64"), **ARM64),
    )
    with site(registry) as crfs:
        assert _platforms(crfs.names(f"/layers/{registry.host}/a/b/v1/")) == ["linux-arm64-v8/"]
