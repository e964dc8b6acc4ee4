"""What `crfs-dav convert` makes of real images, as other people's tools find it."""

from __future__ import annotations

import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.oci import TOC_DIGEST_ANNOTATION
from tests.interop.conftest import Served
from tests.support.containerd import converter
from tests.support.expected import differences, expected_view
from tests.support.machine import run
from tests.support.real_registry import RealRegistry


@dataclass(frozen=True)
class Converted:
    """An image in the registry, tag `ours`, made of tag `plain`; and in an OCI layout."""

    original: Served
    repository: str
    layout: Path

    def layers(self) -> list[dict[str, Any]]:
        """Descriptors, base first."""
        index = json.loads((self.layout / "index.json").read_text())
        found: list[dict[str, Any]] = json.loads(self.blob(index["manifests"][0]))["layers"]
        return found

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        return (self.layout / "blobs" / str(descriptor["digest"]).replace(":", "/")).read_bytes()


def crfs_convert(*words: str | Path) -> str:
    """What it prints: name and digest of the result."""
    return run([sys.executable, "-m", "crfs_dav", "convert", "--quiet", *words], timeout_seconds=600)


@pytest.fixture(scope="module", params=["debian", "awkward"])
def converted(
    request: pytest.FixtureRequest, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Converted]:
    original: Served = request.getfixturevalue(request.param)
    image = f"{registry.host}/{original.image.repository}"
    layout = tmp_path_factory.mktemp("converted") / "layout"
    crfs_convert(f"{image}:plain", f"{image}:ours")
    registry.pull(original.image.repository, "ours", layout)
    yield Converted(original, image, layout)


def test_umoci_unpacks_the_same_files(converted: Converted, tmp_path: Path) -> None:
    run(["umoci", "raw", "unpack", "--image", f"{converted.layout}:ours", tmp_path / "root"])
    expected = expected_view(converted.original.image.root)
    own = {".no.prefetch.landmark", "stargz.index.json"}  # that every eStargz layer brings
    found = {path: facts for path, facts in expected_view(tmp_path / "root").items() if path not in own}
    assert differences(expected, found) == []


def test_ctr_remote_finds_the_toc_digests_that_we_annotate(converted: Converted, tmp_path: Path) -> None:
    with converter(tmp_path) as containerd:
        containerd.fetch(f"{converted.repository}:ours")
        for layer in converted.layers():
            assert containerd.toc_digest(layer["digest"]) == layer["annotations"][TOC_DIGEST_ANNOTATION]


def test_tar_lists_each_layer(converted: Converted, tmp_path: Path) -> None:
    for new, old in zip(converted.layers(), converted.original.image.plain_layers(), strict=True):
        (tmp_path / "layer.tgz").write_bytes(converted.blob(new))
        names = run(["tar", "tzf", tmp_path / "layer.tgz"]).splitlines()
        assert names[1:-1] == run(["tar", "tzf", old]).splitlines()


def test_members_begin_where_the_toc_says(converted: Converted) -> None:
    for layer in converted.layers():
        blob = converted.blob(layer)
        footer = re.fullmatch(rb".*([0-9a-f]{16})STARGZ.{13}", blob[-51:], re.DOTALL)
        assert footer is not None
        rows = json.loads(gzip.decompress(blob[int(footer[1], 16) :])[512:].rstrip(b"\0"))["entries"]
        offsets = {row["offset"] for row in rows if "offset" in row}
        assert members_of(blob) >= offsets


def members_of(blob: bytes) -> set[int]:
    """Offsets of all gzip members."""
    found, view = set(), memoryview(blob)
    offset = 0
    while offset < len(blob):
        found.add(offset)
        decoder = zlib.decompressobj(31)
        end = offset
        while not decoder.eof:
            piece = view[end : end + (1 << 16)]
            decoder.decompress(piece)
            end += len(piece)
        offset = end - len(decoder.unused_data)
    return found


def test_it_is_not_larger_than_what_ctr_remote_makes(converted: Converted, registry: RealRegistry) -> None:
    image = f"docker://{registry.host}/{converted.original.image.repository}"
    theirs = json.loads(run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"{image}:esgz"]))["layers"]
    ours = sum(layer["size"] for layer in converted.layers())
    assert ours <= sum(layer["size"] for layer in theirs) * 1.001  # the TOC of a small image weighs more than its files


def test_converted_again_it_is_the_same_image(converted: Converted, registry: RealRegistry) -> None:
    first = run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{converted.repository}:ours"])
    for source in ("plain", "ours"):
        crfs_convert(f"{converted.repository}:{source}", f"{converted.repository}:again")
        again = run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{converted.repository}:again"])
        assert again == first
