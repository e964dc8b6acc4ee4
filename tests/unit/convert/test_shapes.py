"""Images whose layers become one, or one that holds nothing: what their documents say, and what is in the layer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.convert.events import Event, LayerDone, LayerRead, Planned, SpaceNeeded
from crfs_dav.convert.image import convert_image
from crfs_dav.convert.options import Options, Report, Shape
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import Corrupt
from crfs_dav.formats.writing import Format, WriteOptions
from crfs_dav.layout import LayoutSource, LayoutTarget
from crfs_dav.names import digest_of, parse_reference, parse_registry
from crfs_dav.oci import Platform
from crfs_dav.registry.connect import open_client
from crfs_dav.registry.pull import RegistrySource
from crfs_dav.registry.settings import RegistrySettings
from tests.support.archives import estargz_of, file, global_records, hardlink, tar_of, targz_of, whiteout
from tests.unit.convert.test_image import files_in

LOWER = tar_of(file("etc/a", b"one"), file("etc/gone", b"two"), file("etc/old", b"old"), hardlink("kept", "etc/old"))
UPPER = tar_of(file("etc/b", b"three"), whiteout("etc/gone"), whiteout("etc/old"))
HISTORY = [
    {"created_by": "one"},
    {"created_by": "two", "empty_layer": True},
    {"created_by": "three"},
    {"created_by": "four", "empty_layer": True},
]
CONFIG = {"config": {"Labels": {"a": "b"}, "Env": ["A=B"]}, "history": HISTORY, "unknown.to.us": {"kept": [1, 2.5]}}
FLAT, BARE = Options(shape=Shape.FLAT), Options(shape=Shape.BARE)


class Rig:
    """A registry to convert from and a layout to convert to."""

    def __init__(self, registry: DemoRegistry, folder: Path) -> None:
        self.registry = registry
        self.folder = folder
        self.events: list[Event] = []

    def convert(self, options: Options) -> Report:
        settings = RegistrySettings(schemes={parse_registry(self.registry.host): "http"}, backoff_seconds=0)
        with open_client(settings) as client:
            source = RegistrySource(client, parse_reference(f"{self.registry.host}/my/image:1"))
            return convert_image(source, LayoutTarget(self.folder, "1"), options, self.events.append)

    def blob(self, digest: object) -> bytes:
        return (self.folder / "blobs" / str(digest).replace(":", "/")).read_bytes()

    def documents(self, options: Options) -> tuple[dict[str, Any], dict[str, Any]]:
        """Manifest and config of what it becomes."""
        manifest = json.loads(self.blob(self.convert(options).root.digest))
        return manifest, json.loads(self.blob(manifest["config"]["digest"]))

    def files(self, manifest: dict[str, Any]) -> dict[str, bytes]:
        (layer,) = manifest["layers"]
        found = files_in(gzip.decompress(self.blob(layer["digest"])))
        return {
            name: data for name, data in found.items() if name not in (".no.prefetch.landmark", "stargz.index.json")
        }


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with DemoRegistry() as registry:
        registry.add_image("my/image", "1", [(targz_of(LOWER), {"mine": "x"}), (targz_of(UPPER), {})], config=CONFIG)
        yield Rig(registry, tmp_path / "layout")


def test_one_layer_holds_what_shows_in_the_end(rig: Rig) -> None:
    manifest, _ = rig.documents(FLAT)
    assert rig.files(manifest) == {"etc/a": b"one", "etc/b": b"three", "kept": b"old"}


@pytest.mark.parametrize("options", [FLAT, BARE], ids=["flat", "bare"])
def test_the_config_has_one_diff_id_and_history_for_it_and_all_else_as_before(rig: Rig, options: Options) -> None:
    manifest, config = rig.documents(options)
    content = gzip.decompress(rig.blob(manifest["layers"][0]["digest"]))
    assert config.pop("rootfs") == {"type": "layers", "diff_ids": [str(digest_of(content))]}
    assert config.pop("history") == [{"created_by": "one", "empty_layer": True}, *HISTORY[1:]]
    kept = {key: CONFIG[key] for key in ("config", "unknown.to.us")}
    assert config == {"os": "linux", "architecture": "amd64", **kept}


def test_a_layer_without_files_is_the_same_for_every_image_and_reads_no_layer(rig: Rig) -> None:
    manifest, _ = rig.documents(BARE)
    assert rig.files(manifest) == {}
    digests = [str(digest_of(targz_of(tar))) for tar in (LOWER, UPPER)]
    assert not [request for request in rig.registry.requests if request.path.endswith(tuple(digests))]
    assert set(manifest["layers"][0]) == {"mediaType", "digest", "size", "annotations"}
    assert manifest["layers"][0]["size"] < 1000


def test_the_source_may_be_packed_in_any_way(rig: Rig) -> None:
    layers = rig.documents(FLAT)[0]["layers"]
    rig.registry.add_image("my/image", "1", [estargz_of(LOWER), (UPPER, {})], config=CONFIG)
    assert rig.documents(FLAT)[0]["layers"] == layers


@pytest.mark.parametrize("threads", [1, 3])
def test_the_bytes_depend_on_nothing_but_the_image(rig: Rig, threads: int) -> None:
    first = rig.convert(FLAT)
    rig.folder = rig.folder.with_name("other")
    assert rig.convert(Options(shape=Shape.FLAT, threads=threads)).root == first.root


def test_what_is_flat_stays_as_it_is(rig: Rig) -> None:
    first = rig.convert(FLAT)
    again = convert_image(LayoutSource(rig.folder, "1"), LayoutTarget(rig.folder, "2"), FLAT)
    assert again.root == first.root


@pytest.mark.parametrize("format_", [Format.STARGZ, Format.ZSTD_CHUNKED])
def test_every_format_can_be_flat(rig: Rig, format_: Format) -> None:
    manifest, config = rig.documents(Options(WriteOptions(format_), shape=Shape.FLAT))
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == 1


def test_an_index_is_flat_in_all_its_platforms(rig: Rig) -> None:
    layers: dict[str, list[tuple[bytes, dict[str, str]]]] = {
        name: [(targz_of(LOWER), {}), (targz_of(tar_of(file(name))), {})] for name in ("amd64", "arm64")
    }
    digests = {
        Platform("linux", name): rig.registry.add_image("my/image", None, parts, config={"architecture": name})
        for name, parts in layers.items()
    }
    rig.registry.add_index("my/image", "1", digests)
    index = json.loads(rig.blob(rig.convert(FLAT).root.digest))
    for entry in index["manifests"]:
        name = entry["platform"]["architecture"]
        assert set(rig.files(json.loads(rig.blob(entry["digest"])))) == {"etc/a", "etc/gone", "etc/old", name}


def test_global_records_of_a_lower_layer_reach_no_other(rig: Rig) -> None:
    lower = tar_of(global_records({"mtime": b"7"}), file("a"), file("b"))
    rig.registry.add_image("my/image", "1", [(targz_of(lower), {}), (targz_of(tar_of(file("aa"))), {})])
    (layer,) = rig.documents(FLAT)[0]["layers"]
    toc = files_in(gzip.decompress(rig.blob(layer["digest"])))["stargz.index.json"]
    times = {row["name"]: row.get("modtime") for row in json.loads(toc)["entries"]}
    assert (times["a"], times["aa"], times["b"]) == (
        "1970-01-01T00:00:07Z",
        "2017-07-14T02:40:00Z",
        "1970-01-01T00:00:07Z",
    )


def test_a_hard_link_that_leads_nowhere_is_told_with_its_name(rig: Rig) -> None:
    rig.registry.add_image("my/image", "1", [(targz_of(LOWER), {}), (targz_of(tar_of(hardlink("l", "no"))), {})])
    with pytest.raises(Corrupt, match=r"^image sha256:\w{64}: tar entry 'l': hard link to 'no'; expected"):
        rig.convert(FLAT)
    assert not (rig.folder / "index.json").exists()


def test_a_broken_layer_is_named(rig: Rig) -> None:
    blob = targz_of(UPPER)[:-20]
    config = {"rootfs": {"type": "layers", "diff_ids": [str(digest_of(LOWER)), str(digest_of(UPPER))]}}
    rig.registry.add_image("my/image", "1", [(targz_of(LOWER), {}), (blob, {})], config=config)
    with pytest.raises(Corrupt, match=f"layer {digest_of(blob)}: "):
        rig.convert(FLAT)


def test_progress_counts_all_layers_as_one(rig: Rig) -> None:
    rig.convert(FLAT)
    size = len(targz_of(LOWER)) + len(targz_of(UPPER))
    (planned,) = [event for event in rig.events if isinstance(event, Planned)]
    reads = [event.size for event in rig.events if isinstance(event, LayerRead)]
    (space,) = [event for event in rig.events if isinstance(event, SpaceNeeded)]
    assert [layer.size for layer in planned.layers] == [size]
    assert reads == sorted(reads)
    assert reads[-1] == size
    assert space.size > 4 * size
    assert len([event for event in rig.events if isinstance(event, LayerDone)]) == 1
