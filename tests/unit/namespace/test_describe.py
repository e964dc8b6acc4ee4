"""Images in words: what the page of an image says, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import html

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from crfs_dav.namespace.configfacts import parse_config_facts
from crfs_dav.namespace.describe import format_of
from crfs_dav.oci import TITLE_ANNOTATION, TOC_DIGEST_ANNOTATION, Descriptor, Platform
from tests.support.archives import dir_, file, tar_of
from tests.support.images import layer_of
from tests.support.site import Site, asked, site
from tests.support.zstdchunked import Dialect, ZstdCrafter, frame

CONFIG = {
    "created": "2018-04-26T21:08:43.123456789Z",
    "architecture": "arm64",
    "os": "linux",
    "variant": "v8",
    "author": "me",
    "config": {
        "Env": ["PATH=/bin", "EMPTY="],
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": ["echo 'a b'"],
        "Labels": {"b": "2", "a": "<b>"},
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
        "User": "1000",
        "WorkingDir": "/w",
        "StopSignal": "SIGINT",
    },
    "history": [
        {"created_by": "ADD base"},
        {"created_by": "ENV x", "empty_layer": True},
        {"comment": "second"},
        {"created_by": "CMD y", "empty_layer": True},
    ],
}


def _facts(config: Any) -> dict[str, tuple[Any, ...]]:
    return {fact.name: fact.values for fact in parse_config_facts(json.dumps(config).encode()).facts}


def test_a_config_is_told_in_full() -> None:
    assert _facts(CONFIG) == {
        "Platform": ("linux/arm64/v8",),
        "Created": (datetime(2018, 4, 26, 21, 8, 43, tzinfo=UTC),),
        "Author": ("me",),
        "Entrypoint": ('["/bin/sh", "-c"]',),
        "Command": ("[\"echo 'a b'\"]",),
        "Working directory": ("/w",),
        "User": ("1000",),
        "Environment": ("PATH=/bin", "EMPTY="),
        "Ports": ("80/tcp",),
        "Volumes": ("/data",),
        "Stop signal": ("SIGINT",),
    }
    assert parse_config_facts(json.dumps(CONFIG).encode()).labels == (("a", "<b>"), ("b", "2"))


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"config": []},
        {"config": {"Env": "PATH", "Entrypoint": {"a": 1}, "Labels": ["x"], "ExposedPorts": 7, "Cmd": [1, None]}},
        {"history": "x", "created": 7, "os": None, "author": {}},
        {"history": [None, 7, "x"]},
        [],
        "text",
    ],
)
def test_what_has_the_wrong_type_is_left_out(config: Any) -> None:
    found = parse_config_facts(json.dumps(config).encode())

    assert (found.facts, found.labels, found.history) == ((), (), ())


def test_a_config_that_is_no_json_says_nothing() -> None:
    assert parse_config_facts(b"\xff{").facts == ()


def test_a_config_of_any_size_is_cut_to_a_page() -> None:
    config = {"config": {"Env": ["x" * 5_000] * 1000, "Labels": {str(n): "y" * 5_000 for n in range(1000)}}}
    found = parse_config_facts(json.dumps(config).encode())

    assert [len(fact.values) for fact in found.facts] == [200]
    assert len(found.labels) == 200
    assert {len(str(value)) for value in found.facts[0].values} == {4001}


@pytest.mark.parametrize(
    ("media_type", "annotation", "text"),
    [
        ("application/vnd.oci.image.layer.v1.tar+gzip", TOC_DIGEST_ANNOTATION, "eStargz"),
        ("application/vnd.oci.image.layer.v1.tar+gzip", "", "tar, gzip"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", "", "tar, gzip"),
        ("application/vnd.oci.image.layer.v1.tar+zstd", "", "tar, zstd"),
        (
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "io.github.containers.zstd-chunked.manifest-position",
            "zstd:chunked",
        ),
        ("application/vnd.oci.image.layer.v1.tar", "", "tar"),
        ("", "", "tar"),
        ("text/spdx+json", TITLE_ANNOTATION, "text/spdx+json"),
    ],
)
def test_a_layer_has_the_format_that_its_descriptor_claims(media_type: str, annotation: str, text: str) -> None:
    assert format_of(Descriptor(media_type, digest_of(b""), 0, {annotation: "x"})) == text


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        layers = [layer_of(dir_("etc"), file("etc/a", b"a")), layer_of(file("b", b"b"))]
        digest = registry.add_image("my/app", "1", layers, config=CONFIG)
        registry.add_index("my/app", "many", {Platform("linux", "amd64"): digest})
        registry.add_image("my/app", "plain", [(frame(tar_of(file("b", b"b"))), {})], config=CONFIG)
        yield registry


def _document(served: Site, path: str) -> html.HtmlElement:
    return html.fromstring(served.get(path).body.decode())


def _table(document: html.HtmlElement, title: str) -> list[list[str]]:
    rows = document.xpath(f"//details[starts-with(summary, '{title}')]//tbody/tr")
    return [[cell.text_content() for cell in row] for row in rows]


@pytest.mark.parametrize("view", ["layers", "images"])
def test_an_image_shows_its_layers_and_what_made_them(registry: DemoRegistry, view: str) -> None:
    with site(registry) as served:
        rows = _table(_document(served, f"/{view}/{registry.host}/my/app/1/"), "Layers")

    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        ("0", "ADD base", "eStargz", "yes"),
        ("", "ENV x", "no layer", ""),
        ("1", "second", "eStargz", "yes"),
        ("", "CMD y", "no layer", ""),
    ]


def test_layers_lead_to_their_directories_where_there_are_any(registry: DemoRegistry) -> None:
    with site(registry) as served:
        layers, images = (_document(served, f"/{view}/{registry.host}/my/app/1/") for view in ("layers", "images"))

    assert layers.xpath("//details//a/@href") == ["0/", "1/"]
    assert images.xpath("//details//a/@href") == []


def test_an_index_shows_its_platforms_and_the_default_one_in_full(registry: DemoRegistry) -> None:
    with site(registry) as served:
        document = _document(served, f"/layers/{registry.host}/my/app/many/")

    assert [row[0] for row in _table(document, "Platforms")] == ["linux/amd64"]
    assert len(_table(document, "Layers")) == 4
    assert document.xpath("//details[1]//a/@href") == ["linux-amd64/"]


def test_a_layer_that_is_read_only_whole_says_so_once_it_was_opened(registry: DemoRegistry) -> None:
    with site(registry) as served:
        path = f"/layers/{registry.host}/my/app/plain/"
        before = _table(_document(served, path), "Layers")[0][4]
        served.get(f"{path}0/")
        after = _table(_document(served, path), "Layers")[0][4]

    assert (before, after) == ("not opened yet", "no, only whole")


@pytest.mark.parametrize("dialect", ["stargz-snapshotter", "containers"])
def test_a_layer_whose_annotations_say_so_is_readable_before_it_was_opened(
    registry: DemoRegistry, dialect: Dialect
) -> None:
    blob, annotations = ZstdCrafter(dialect).file("a", b"a").build()
    registry.add_image("my/app", "zstd", [(blob, {TOC_DIGEST_ANNOTATION: "x", **annotations})], config=CONFIG)
    with site(registry) as served:
        rows = _table(_document(served, f"/layers/{registry.host}/my/app/zstd/"), "Layers")

    assert rows[0][3:5] == ["zstd:chunked", "yes"]


def test_only_a_browser_costs_the_request_for_the_config(registry: DemoRegistry) -> None:
    with site(registry) as served:
        path = f"/layers/{registry.host}/my/app/1/"
        served.names(path)
        without = asked(registry)
        served.get(path)
        once = asked(registry)[len(without) :]
        served.get(path)

        assert once == ["GET my/app/blobs/sha256 *"]
        assert len(asked(registry)) == len(without) + 1


def test_an_image_whose_config_cannot_be_had_is_shown_without_it(registry: DemoRegistry) -> None:
    with site(registry) as served:
        path = f"/layers/{registry.host}/my/app/1/"
        served.names(path)
        registry.close()
        reply = served.get(path)

    assert reply.status == 200
    assert len(_table(html.fromstring(reply.body.decode()), "Layers")) == 2
