"""Images converted from a registry into a layout: what becomes of layers, configs, manifests and indexes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from crfs_dav.convert.events import (
    DocumentSent,
    Event,
    Fate,
    LayerDone,
    LayerRead,
    LayerStarted,
    LayerWritten,
    Planned,
    SpaceNeeded,
)
from crfs_dav.convert.image import convert_image
from crfs_dav.convert.options import Options, Report
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.errors import Corrupt, NotFound
from crfs_dav.formats.writing import Format, WriteOptions
from crfs_dav.layout import LayoutSource, LayoutTarget
from crfs_dav.names import Digest, digest_of, parse_reference, parse_registry
from crfs_dav.oci import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Platform
from crfs_dav.registry.connect import open_client
from crfs_dav.registry.pull import RegistrySource
from crfs_dav.registry.settings import RegistrySettings
from tests.support.archives import estargz_of, file, tar_of, targz_of
from tests.support.awkward import awkward_layers
from tests.support.http import fetch

BASE, UPPER, TOP = awkward_layers(many=20)
CONFIG = {
    "config": {"Labels": {"a": "b"}, "Cmd": ["sh"]},
    "history": [{"created_by": "one"}, {"created_by": "two", "empty_layer": True}, {"created_by": "three"}],
    "unknown.to.us": {"kept": [1, 2.5, None]},
}
ZSTD = WriteOptions(Format.ZSTD_CHUNKED, level=3)


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


class Rig:
    """A registry to convert from and a layout to convert to."""

    def __init__(self, registry: DemoRegistry, folder: Path) -> None:
        self.registry = registry
        self.folder = folder
        self.events: list[Event] = []

    def convert(self, tag: str = "1", options: Options | None = None) -> Report:
        host = parse_registry(self.registry.host)
        with open_client(RegistrySettings(schemes={host: "http"}, backoff_seconds=0)) as client:
            source = RegistrySource(client, parse_reference(f"{self.registry.host}/my/image:{tag}"))
            return self.write(source, options or Options())

    def write(self, source: RegistrySource | LayoutSource, options: Options) -> Report:
        return convert_image(source, LayoutTarget(self.folder, "1"), options, self.events.append)

    def again(self, options: Options | None = None) -> Report:
        """What was converted, converted once more, in place."""
        return self.write(LayoutSource(self.folder, "1"), options or Options())

    def json(self, digest: Digest | str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.blob(digest))
        return document

    def blob(self, digest: Digest | str) -> bytes:
        return (self.folder / "blobs" / str(digest).replace(":", "/")).read_bytes()

    def has_name(self) -> bool:
        return (self.folder / "index.json").exists()

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def rig(registry: DemoRegistry, tmp_path: Path) -> Rig:
    return Rig(registry, tmp_path / "layout")


def files_in(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive if member.isreg()}
    return {name: content.read() for name, content in found.items() if content is not None}


def test_layers_become_estargz_with_the_same_files(rig: Rig) -> None:
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {}), (targz_of(UPPER), {})], config=CONFIG)
    manifest = rig.json(rig.convert().root.digest)
    for layer, tar in zip(manifest["layers"], (BASE, UPPER), strict=True):
        files = files_in(gzip.decompress(rig.blob(layer["digest"])))
        assert files.pop(".no.prefetch.landmark")
        toc = files.pop("stargz.index.json")
        assert files == files_in(tar)
        assert layer["annotations"]["containerd.io/snapshot/stargz/toc.digest"] == str(digest_of(toc))
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
        assert layer["size"] == len(rig.blob(layer["digest"]))


def test_the_config_tells_the_new_diff_ids_and_all_else_as_before(rig: Rig) -> None:
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {}), (targz_of(UPPER), {})], config=CONFIG)
    manifest = rig.json(rig.convert().root.digest)
    config = rig.json(manifest["config"]["digest"])
    contents = [gzip.decompress(rig.blob(layer["digest"])) for layer in manifest["layers"]]
    assert config.pop("rootfs") == {"type": "layers", "diff_ids": [str(digest_of(content)) for content in contents]}
    assert config == {"os": "linux", "architecture": "amd64", **CONFIG}


def test_unknown_fields_and_annotations_of_the_manifest_stay(rig: Rig) -> None:
    digest = rig.registry.add_image("my/image", None, [(targz_of(BASE), {"mine": "kept"})])
    document = {**stored(rig.registry, digest), "annotations": {"a": "b"}, "later.version": {"x": 1}}
    rig.registry.add_manifest("my/image", "1", document, OCI_MANIFEST)
    manifest = rig.json(rig.convert().root.digest)
    assert (manifest["annotations"], manifest["later.version"]) == ({"a": "b"}, {"x": 1})
    assert manifest["layers"][0]["annotations"]["mine"] == "kept"


def test_a_docker_manifest_becomes_oci_in_all_its_types(rig: Rig) -> None:
    add_docker_image(rig.registry, targz_of(BASE))
    report = rig.convert()
    manifest = rig.json(report.root.digest)
    assert report.root.media_type == manifest["mediaType"] == OCI_MANIFEST
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    assert manifest["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"


def test_a_docker_manifest_stays_docker_where_no_annotations_are_needed(rig: Rig) -> None:
    add_docker_image(rig.registry, targz_of(BASE))
    report = rig.convert(options=Options(WriteOptions(Format.STARGZ)))
    manifest = rig.json(report.root.digest)
    assert report.root.media_type == manifest["mediaType"] == DOCKER_MANIFEST
    assert manifest["layers"][0]["mediaType"] == "application/vnd.docker.image.rootfs.diff.tar.gzip"


def test_zstd_chunked_layers_say_so(rig: Rig) -> None:
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {})])
    layer = rig.json(rig.convert(options=Options(ZSTD)).root.digest)["layers"][0]
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
    assert "io.containers.zstd-chunked.manifest-position" in layer["annotations"]


@pytest.mark.parametrize(
    "write", [WriteOptions(), WriteOptions(Format.STARGZ), ZSTD], ids=["estargz", "stargz", "zstd:chunked"]
)
def test_what_was_converted_passes_through_the_next_time(rig: Rig, write: WriteOptions) -> None:
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {}), (targz_of(UPPER), {})])
    first = rig.convert(options=Options(write))
    again = rig.again(Options(write))
    assert again.root == first.root
    assert {done.fate for done in again.layers} == {Fate.PASSED}


def test_one_lazily_readable_layer_passes_and_its_neighbour_is_converted(rig: Rig) -> None:
    rig.registry.add_image("my/image", "1", [estargz_of(BASE), (targz_of(UPPER), {})])
    report = rig.convert()
    assert [done.fate for done in report.layers] == [Fate.PASSED, Fate.CONVERTED]
    assert rig.json(report.root.digest)["layers"][0]["digest"] == str(digest_of(estargz_of(BASE)[0]))


def test_an_estargz_layer_without_its_annotation_gets_it(rig: Rig) -> None:
    blob, annotations = estargz_of(BASE)
    rig.registry.add_image("my/image", "1", [(blob, {})])
    report = rig.convert()
    assert report.layers[0].fate is Fate.PASSED
    assert rig.json(report.root.digest)["layers"][0]["annotations"] == dict(annotations)


def test_a_layer_whose_annotation_lies_is_written_anew(rig: Rig) -> None:
    wrong = {"containerd.io/snapshot/stargz/toc.digest": str(digest_of(b"another"))}
    rig.registry.add_image("my/image", "1", [(estargz_of(BASE)[0], wrong)])
    assert rig.convert().layers[0].fate is Fate.CONVERTED


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_image_gives_the_same_digest(rig: Rig, threads: int, tmp_path: Path) -> None:
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {}), (targz_of(UPPER), {})])
    first = rig.convert()
    assert Rig(rig.registry, tmp_path / "other").convert(options=Options(threads=threads)).root == first.root


def add_index(rig: Rig) -> Digest:
    shared: tuple[bytes, dict[str, str]] = (targz_of(UPPER), {})
    digests = {
        name: rig.registry.add_image("my/image", None, [(targz_of(tar), {}), shared], config={"architecture": name})
        for name, tar in (("amd64", BASE), ("arm64", TOP))
    }
    return rig.registry.add_index(
        "my/image", "1", {Platform("linux", name): digest for name, digest in digests.items()}
    )


def test_an_index_is_written_anew_with_all_its_platforms(rig: Rig) -> None:
    add_index(rig)
    report = rig.convert()
    index = rig.json(report.root.digest)
    assert report.root.media_type == OCI_INDEX
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    for entry in index["manifests"]:
        assert entry["size"] == len(rig.blob(entry["digest"]))
        assert all("annotations" in layer for layer in rig.json(entry["digest"])["layers"])


def test_a_layer_that_platforms_share_is_converted_once(rig: Rig) -> None:
    add_index(rig)
    assert len(rig.convert().layers) == 3
    assert len(rig.told(LayerStarted)) == 3


def test_one_platform_is_an_image_by_itself(rig: Rig) -> None:
    add_index(rig)
    report = rig.convert(options=Options(platforms=(Platform("linux", "arm64"),)))
    manifest = rig.json(report.root.digest)
    assert rig.json(manifest["config"]["digest"])["architecture"] == "arm64"
    assert len(report.left_out) == 1


def test_a_platform_that_is_not_there_is_said_with_those_that_are(rig: Rig) -> None:
    add_index(rig)
    with pytest.raises(NotFound, match="expected linux/s390x"):
        rig.convert(options=Options(platforms=(Platform("linux", "s390x"),)))


def test_attestations_of_manifests_that_are_no_more_are_left_out(rig: Rig) -> None:
    digest = add_index(rig)
    index = stored(rig.registry, digest)
    statement = rig.registry.add_image("my/image", None, [(b"statement", {})])
    attestation = {
        **index["manifests"][0],
        "digest": str(statement),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    rig.registry.add_manifest("my/image", "1", {**index, "manifests": [*index["manifests"], attestation]}, OCI_INDEX)
    report = rig.convert()
    assert len(rig.json(report.root.digest)["manifests"]) == 2
    assert len(report.left_out) == 1


def test_an_index_of_converted_images_is_left_as_it_is(rig: Rig) -> None:
    add_index(rig)
    assert rig.convert().root == rig.again().root


BAD = {
    "cut off": targz_of(BASE)[:-1000],
    "no tar": gzip.compress(b"no tar at all" * 100),
    "broken inside": targz_of(BASE)[:3000] + bytes(100) + targz_of(BASE)[3100:],
    "a tar that ends early": gzip.compress(tar_of(file("a", bytes(5000)))[:2000]),
}


@pytest.mark.parametrize("blob", BAD.values(), ids=BAD)
def test_a_bad_layer_is_named_and_nothing_has_the_name(rig: Rig, blob: bytes) -> None:
    diff_ids = [str(digest_of(tar)) for tar in (UPPER, BASE)]
    config = {"rootfs": {"type": "layers", "diff_ids": diff_ids}}
    rig.registry.add_image("my/image", "1", [(targz_of(UPPER), {}), (blob, {})], config=config)
    with pytest.raises(Corrupt, match=f"layer {digest_of(blob)}: "):
        rig.convert()
    assert not rig.has_name()


def test_a_layer_with_another_diff_id_than_the_config_says_is_refused(rig: Rig) -> None:
    config = {"rootfs": {"type": "layers", "diff_ids": [str(digest_of(UPPER))]}}
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {})], config=config)
    with pytest.raises(Corrupt, match="by the config's diff_ids"):
        rig.convert()


def test_an_artifact_is_no_image(rig: Rig) -> None:
    rig.registry.add_image("my/image", "1", [(b"chart", {})], config={"rootfs": None})
    with pytest.raises(Corrupt, match="expected an image"):
        rig.convert()


def test_progress_tells_each_layer_from_its_start_to_its_end(rig: Rig) -> None:
    blob = targz_of(BASE)
    rig.registry.add_image("my/image", "1", [(blob, {})])
    done = rig.convert().layers[0]
    assert {type(event) for event in rig.events} == set(get_args(Event))
    assert [type(event) for event in rig.events[:3]] == [Planned, SpaceNeeded, LayerStarted]
    assert rig.told(LayerRead)[-1] == LayerRead(done.layer, len(blob))
    assert rig.told(LayerWritten)[-1] == LayerWritten(done.layer, done.result.size)
    assert rig.told(LayerDone) == [done]
    assert rig.told(Planned) == [Planned((done.layer,))]


def test_layers_of_large_chunks_are_converted_one_at_a_time(rig: Rig) -> None:
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {}), (targz_of(UPPER), {}), (targz_of(TOP), {})])
    rig.convert(options=Options(WriteOptions(chunk_size=16 << 20)))
    told = [type(event) for event in rig.events if isinstance(event, LayerStarted | LayerDone)]
    assert told == [LayerStarted, LayerDone] * 3


class Interrupted(Exception):
    pass


def test_whoever_is_told_may_end_it(rig: Rig) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, LayerWritten):
            raise Interrupted

    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {}), (targz_of(UPPER), {})])
    host = parse_registry(rig.registry.host)
    with open_client(RegistrySettings(schemes={host: "http"})) as client, pytest.raises(Interrupted):
        source = RegistrySource(client, parse_reference(f"{rig.registry.host}/my/image:1"))
        convert_image(source, LayoutTarget(rig.folder, "1"), Options(), stop)
    assert not rig.has_name()


LAST_STEPS = {"config": ("config", False), "manifest": ("manifest", False), "its name": ("manifest", True)}


@pytest.mark.parametrize(("kind", "is_sent"), LAST_STEPS.values(), ids=LAST_STEPS)
def test_it_may_be_ended_to_the_last_and_nothing_has_the_name(rig: Rig, kind: str, is_sent: bool) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, DocumentSent) and kind in event.document.media_type and bool(event.size) == is_sent:
            raise Interrupted

    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {})])
    host = parse_registry(rig.registry.host)
    with open_client(RegistrySettings(schemes={host: "http"})) as client, pytest.raises(Interrupted):
        source = RegistrySource(client, parse_reference(f"{rig.registry.host}/my/image:1"))
        convert_image(source, LayoutTarget(rig.folder, "1"), Options(), stop)
    assert not rig.has_name()


def test_temporary_files_lie_in_the_folder_given_and_are_gone_in_the_end(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    rig.registry.add_image("my/image", "1", [(targz_of(BASE), {})])
    rig.convert(options=Options(folder=folder))
    assert not list(folder.iterdir())


def stored(registry: DemoRegistry, digest: Digest) -> dict[str, Any]:
    reply = fetch(f"{registry.url}/v2/my/image/manifests/{digest}", {"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"})
    document: dict[str, Any] = json.loads(reply.body)
    return document


def add_docker_image(registry: DemoRegistry, blob: bytes) -> None:
    digest = registry.add_image("my/image", None, [(blob, {})])
    manifest = stored(registry, digest)
    manifest["mediaType"] = DOCKER_MANIFEST
    manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    manifest["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    registry.add_manifest("my/image", "1", manifest, DOCKER_MANIFEST)


def test_prioritized_files_come_before_the_landmark(rig: Rig) -> None:
    tar = tar_of(file("cold", b"1"), file("hot", b"2"))
    rig.registry.add_image("my/image", "1", [(targz_of(tar), {})])
    report = rig.convert(options=Options(WriteOptions(prioritized=("/hot", "nowhere"))))
    again = rig.again(Options(WriteOptions(prioritized=("/hot",))))

    assert again.root == report.root
    with tarfile.open(fileobj=io.BytesIO(rig.blob(report.layers[0].result.digest))) as layer:
        assert layer.getnames() == ["hot", ".prefetch.landmark", "cold", "stargz.index.json"]
