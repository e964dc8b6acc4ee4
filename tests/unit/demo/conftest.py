from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from crfs_dav.demo.registry import DemoRegistry

BLOB = bytes(range(256)) * 4
LAYER = gzip.compress(bytes(1024), mtime=0)


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        registry.add_image("a/b", "one", [(LAYER, {})])
        registry.add_image("a/b", "two", [(LAYER, {"a": "1"})])
        registry.add_image("c", "three", [(LAYER, {"a": "2"})])
        yield registry


@pytest.fixture
def blob_path(registry: DemoRegistry) -> str:
    return f"/v2/a/b/blobs/{registry.add_blob(BLOB)}"
