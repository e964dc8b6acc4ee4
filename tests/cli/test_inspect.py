"""`crfs-dav inspect`: what it says of an image, what that costs, how it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.cli.main import main
from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Digest
from crfs_dav.oci import OCI_MANIFEST, Platform
from tests.support.archives import dir_, file, tar_of, targz_of
from tests.support.images import NOISE, Layer, add_layers, layer_of
from tests.support.process import run_cli
from tests.support.site import asked, site
from tests.support.zstdchunked import ZstdCrafter, frame

TAR = tar_of(dir_("etc/"), file("etc/passwd", b"root"))
STARGZ = layer_of(dir_("etc/"), file("etc/passwd", b"root"), file("noise", NOISE))


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


class Command:
    """`crfs-dav inspect` of tags of one repository."""

    def __init__(self, registry: DemoRegistry, capture: pytest.CaptureFixture[str]) -> None:
        self._registry = registry
        self._capture = capture

    def __call__(self, tag: str, *options: str) -> tuple[int, str, str]:
        code = main(["inspect", f"{self._registry.host}/a/b:{tag}", *options])
        return code, *self._capture.readouterr()

    def json(self, tag: str, *options: str) -> Any:
        _, out, _ = self(tag, "--json", *options)
        return json.loads(out)


@pytest.fixture
def inspect(
    registry: DemoRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The command, with a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Command(registry, capsys)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (STARGZ, ("eStargz", "toc", 3, None)),
        ((STARGZ[0], {}), ("stargz", "toc", 3, None)),
        (ZstdCrafter().dir("etc/").file("etc/passwd", b"root").build(), ("zstd:chunked", "toc", 2, None)),
        ((targz_of(TAR), {}), ("tar, gzip", "pass", None, "no table of contents")),
        ((TAR, {}), ("tar", "pass", None, "no table of contents")),
        ((b"\x28\xb5\x2f\xfd" + bytes(600), {}), ("tar, zstd", "pass", None, "no table of contents")),
        ((b"something else", {}), ("unknown", "whole", None, "begins like no archive that is known")),
        ((b"", {}), ("unknown", "whole", None, "begins like no archive that is known")),
    ],
    ids=["estargz", "stargz", "zstdchunked", "targz", "tar", "tarzstd", "unknown", "empty"],
)
def test_a_layers_format_and_way_of_reading(
    layer: Layer, expected: tuple[Any, ...], registry: DemoRegistry, inspect: Command
) -> None:
    add_layers(registry, "a/b", "v1", layer)

    found = inspect.json("v1")["layers"][0]

    assert tuple(found[key] for key in ("format", "reading", "entries", "reason")) == expected
    assert found["size"] == len(layer[0])


def test_a_large_tar_is_read_by_its_headers(registry: DemoRegistry, inspect: Command, tmp_path: Path) -> None:
    add_layers(registry, "a/b", "v1", (TAR, {}))
    (tmp_path / "config.yaml").write_text("limits: {verified_tar_bytes: 100}")

    found = inspect.json("v1", "--config", str(tmp_path / "config.yaml"))["layers"][0]

    assert (found["format"], found["reading"], found["reason"]) == ("tar", "headers", None)


@pytest.mark.parametrize("blob", [targz_of(TAR), frame(TAR), TAR], ids=["gzip", "zstd", "not packed"])
def test_a_layer_that_was_read_through_is_read_by_its_index(
    registry: DemoRegistry, inspect: Command, tmp_path: Path, blob: bytes
) -> None:
    add_layers(registry, "a/b", "v1", (blob, {}))
    with site(registry, tmp_path / "crfs-dav") as crfs:
        assert crfs.get(f"/images/{registry.host}/a/b/v1/etc/passwd").body == b"root"

    found = inspect.json("v1")["layers"][0]

    assert (found["reading"], found["entries"]) == ("index", 2)


def test_what_is_broken_says_why(registry: DemoRegistry, inspect: Command) -> None:
    blob, annotations = STARGZ
    add_layers(registry, "a/b", "v1", (blob[:-51], annotations))

    found = inspect.json("v1")["layers"][0]

    assert found["reading"] == "pass"
    assert "no eStargz footer; expected one, as its annotation names a TOC" in found["reason"]


def test_it_costs_a_tag_a_manifest_a_config_and_the_tails(registry: DemoRegistry, inspect: Command) -> None:
    add_layers(registry, "a/b", "v1", STARGZ, (targz_of(NOISE), {}))

    cost = inspect.json("v1")["cost"]

    assert sorted(asked(registry)) == [
        "GET a/b/blobs/sha256 *",  # config
        "GET a/b/blobs/sha256 *",  # eStargz: its tail
        "GET a/b/blobs/sha256 *",  # gzip: its tail
        "GET a/b/blobs/sha256 *",  # and its start
        "GET a/b/manifests/sha256",
        "HEAD a/b/manifests/v1",
    ]
    assert cost["requests"] == 6
    assert 2 << 20 < cost["bytes"] < (2 << 20) + 20_000  # two tails, and the start of what has no TOC


def test_the_second_time_costs_the_tag(registry: DemoRegistry, inspect: Command) -> None:
    add_layers(registry, "a/b", "v1", STARGZ)
    first = inspect.json("v1")
    registry.clear_requests()

    second = inspect.json("v1")

    assert asked(registry) == ["HEAD a/b/manifests/v1"]
    assert second == first | {"cost": {"requests": 1, "bytes": 0}}


def test_people_get_lines(registry: DemoRegistry, inspect: Command) -> None:
    add_layers(registry, "a/b", "v1", STARGZ, (targz_of(TAR), {}))

    code, out, err = inspect("v1")

    assert (code, err) == (0, "")
    assert out.startswith(f"{registry.host}/a/b:v1\n  digest     sha256:")
    assert "in 2 layers" in out
    assert "eStargz    yes, 3 entries" in out
    assert "tar, gzip  after one pass: no table of contents" in out
    assert "This took 5 requests and " in out


def _two_platforms(registry: DemoRegistry) -> dict[Platform, Digest]:
    images = {
        Platform("linux", architecture, variant): add_layers(
            registry, "a/b", None, layer_of(file("arch", architecture.encode()))
        )
        for architecture, variant in (("amd64", ""), ("arm64", "v8"))
    }
    registry.add_index("a/b", "all", images)
    return images


@pytest.mark.parametrize(("options", "shown"), [((), 0), (("--platform", "linux/arm64"), 1)])
def test_an_index_lists_its_platforms_and_shows_one(
    options: tuple[str, ...], shown: int, registry: DemoRegistry, inspect: Command
) -> None:
    images = _two_platforms(registry)

    found = inspect.json("all", *options)

    assert found["platforms"] == [
        {"platform": str(platform), "digest": str(digest), "shown": number == shown}
        for number, (platform, digest) in enumerate(images.items())
    ]
    assert found["image"]["digest"] == str(list(images.values())[shown])
    _, out, _ = inspect("all", *options)
    assert out.count("(shown)") == 1


def test_an_artifact_is_files(registry: DemoRegistry, inspect: Command) -> None:
    content = b"key: value"
    layer = {"mediaType": "application/x\x1b[31m", "digest": str(registry.add_blob(content)), "size": len(content)}
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(registry.add_blob(b"{}")), "size": 2}
    manifest = {"schemaVersion": 2, "config": empty, "layers": [layer]}
    registry.add_manifest("a/b", "v1", manifest, OCI_MANIFEST)

    code, out, _ = inspect("v1")

    assert code == 0
    assert "no: a file, not an archive" in out
    assert "\x1b" not in out
    assert inspect.json("v1")["layers"][0]["reading"] == "file"


def test_a_layer_that_is_gone_fails_and_the_rest_is_said(registry: DemoRegistry, inspect: Command) -> None:
    add_layers(registry, "a/b", "v1", STARGZ)  # without an image, there is no repository
    document = {"schemaVersion": 2, "config": _missing(2), "layers": [_missing(600)]}
    registry.add_manifest("a/b", "v2", document, OCI_MANIFEST)

    code, out, err = inspect("v2")

    assert (code, err) == (1, "")
    assert "404 BLOB_UNKNOWN" in out


def _missing(size: int) -> dict[str, Any]:
    media_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    return {"mediaType": media_type, "digest": f"sha256:{size:064x}", "size": size}


@pytest.mark.parametrize(
    ("prepare", "options", "code", "message"),
    [
        ({}, ("--platform", "plan9/mips"), 1, "platform: linux/amd64, linux/arm64/v8; expected plan9/mips"),
        ({"denied": ALWAYS}, (), 1, "403; expected 200"),
        ({"broken": ALWAYS}, (), 1, "503; expected 200"),
        ({"wrong_manifest": ALWAYS}, (), 1, "bytes with another digest"),
        ({}, ("--platform", "plan9"), 2, "platform: 'plan9'; expected os/architecture"),
        ({}, ("--config", "/nowhere"), 2, "/nowhere: No such file"),
    ],
)
def test_what_cannot_be_had_is_one_line(
    prepare: dict[str, float],
    options: tuple[str, ...],
    code: int,
    message: str,
    registry: DemoRegistry,
    inspect: Command,
) -> None:
    _two_platforms(registry)
    for fault, count in prepare.items():
        setattr(registry.faults, fault, count)

    found = inspect("all", *options)

    assert (found[0], found[1], found[2].count("\n")) == (code, "", 1)
    assert message in found[2]


def test_what_is_no_reference_is_wrong_usage(inspect: Command) -> None:
    code, out, err = inspect("no such tag")

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "tag: 'no such tag'" in err


def test_help_says_what_it_does_and_the_process_its_code(registry: DemoRegistry, tmp_path: Path) -> None:
    assert "No layer is read through" in " ".join(run_cli("inspect", "--help").stdout.split())
    result = run_cli("inspect", f"{registry.host}/a/b:nope", env={"XDG_CACHE_HOME": str(tmp_path)})
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)


def test_a_tag_that_is_not_there_is_said(registry: DemoRegistry, inspect: Command) -> None:
    code, out, err = inspect("nope")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "404" in err
