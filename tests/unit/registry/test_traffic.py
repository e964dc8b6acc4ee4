"""What asking costs is counted to the byte."""

from __future__ import annotations

from crfs_dav.demo.dialect import Dialect
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Reference, parse_registry, parse_repository
from crfs_dav.oci import Descriptor
from crfs_dav.registry.traffic import Traffic
from tests.unit.registry.conftest import OpenClient

BLOB = bytes(range(200))


def test_tokens_redirects_and_bodies_are_counted(registry: DemoRegistry, client_of: OpenClient) -> None:
    registry.dialect = Dialect(schemes=("Bearer",), redirects_blobs=True)
    traffic = Traffic()
    client = client_of(registry.host, traffic=traffic)
    registry.add_image("a", "v1", [(BLOB, {})], config={"rootfs": {}})
    repository = parse_repository(parse_registry(registry.host), "a")
    blob = client.blob(repository, Descriptor("", registry.add_blob(BLOB), len(BLOB)))
    client.resolve(Reference(repository, tag="v1"))
    before = traffic.received

    blob.read_at(20, 100)

    assert traffic.requests == len(registry.requests)
    assert traffic.received == before + 100
