from __future__ import annotations

import json
import time
from typing import Any

import pytest

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.demo.sample import REPOSITORY, TAG, build_sample
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.oci import MANIFEST_TYPES, Descriptor, Index, Manifest, parse_manifest
from crfs_dav.readers import BytesReader
from tests.support.http import fetch

ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}


@pytest.fixture(scope="module")
def sample() -> Any:
    with DemoRegistry() as registry:
        build_sample(registry)
        yield registry


def read(registry: DemoRegistry, repository: str, reference: object) -> Manifest | Index:
    return parse_manifest(fetch(f"{registry.url}/v2/{repository}/manifests/{reference}", ACCEPT).body)


def images(registry: DemoRegistry) -> list[Manifest]:
    index = read(registry, REPOSITORY, TAG)
    assert isinstance(index, Index)
    found = [read(registry, REPOSITORY, descriptor.digest) for descriptor in index.manifests]
    return [image for image in found if isinstance(image, Manifest)]


def contents(registry: DemoRegistry, layer: Descriptor) -> dict[str, bytes]:
    blob = fetch(f"{registry.url}/v2/{REPOSITORY}/blobs/{layer.digest}").body
    archive = open_archive(BytesReader(blob), layer, Means(MemoryStore(1 << 26)))
    assert archive is not None
    files = [(position, entry) for position, entry in enumerate(archive.entries) if entry.size]
    return {entry.name: archive.open(position).read_at(0, entry.size) for position, entry in files}


def test_the_repositories_are_there(sample: DemoRegistry) -> None:
    catalog = json.loads(fetch(f"{sample.url}/v2/_catalog").body)
    assert catalog == {"repositories": ["my/notes", "my/ubuntu"]}
    assert isinstance(read(sample, "my/notes", "latest"), Manifest)


def test_the_tag_is_an_index_of_two_platforms_that_share_a_layer(sample: DemoRegistry) -> None:
    first, second = images(sample)
    assert first.layers[0].digest != second.layers[0].digest
    assert first.layers[1].digest == second.layers[1].digest


def test_every_layer_can_be_read_lazily_and_verified(sample: DemoRegistry) -> None:
    base, upper = (contents(sample, layer) for layer in images(sample)[0].layers)
    assert base["etc/os-release"].startswith(b'NAME="Sample Linux"')
    assert base["etc/machine"] == b"amd64\n"
    assert 3 << 20 < len(base["var/log/sample.log"]) < 4 << 20
    assert upper["usr/bin/hello"].startswith(b"#!/bin/sh\n")
    assert upper["home/guest/names/<script>alert(1)<"]


def test_the_config_tells_where_the_image_comes_from(sample: DemoRegistry) -> None:
    image = images(sample)[0]
    config = json.loads(fetch(f"{sample.url}/v2/{REPOSITORY}/blobs/{image.config.digest}").body)
    assert config["created"] == "2018-04-26T21:08:43Z"
    assert config["config"]["Entrypoint"] == ["/usr/bin/hello"]
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == 2


def test_each_start_builds_the_same_bytes(sample: DemoRegistry) -> None:
    with DemoRegistry() as again:
        build_sample(again)
        assert read(again, REPOSITORY, TAG) == read(sample, REPOSITORY, TAG)


def test_building_takes_a_fraction_of_a_second_of_work() -> None:
    with DemoRegistry() as registry:
        started = time.process_time()
        build_sample(registry)
        assert time.process_time() - started < 0.5
