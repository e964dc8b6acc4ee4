"""zstd:chunked of `crfs-dav convert`, as zstd itself and stargz-snapshotter's tool find it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.oci import TOC_DIGEST_ANNOTATION
from tests.interop.conftest import Served
from tests.support.awkward import CHUNK_SIZE
from tests.support.containerd import converter
from tests.support.machine import run
from tests.support.real_registry import RealRegistry


@dataclass(frozen=True)
class Zstd:
    """The awkward image: layers with their DiffIDs, blobs in an OCI layout, and TOCs as Go read them."""

    folder: Path
    layers: list[tuple[dict[str, Any], str]]
    digests: list[str]
    tocs: list[list[dict[str, Any]]]

    def blob(self, layer: dict[str, Any]) -> Path:
        return self.folder / "blobs" / str(layer["digest"]).replace(":", "/")


@pytest.fixture(scope="module")
def image(awkward: Served, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zstd]:
    folder = tmp_path_factory.mktemp("zstd")
    name = f"{registry.host}/{awkward.image.repository}"
    run([sys.executable, "-m", "crfs_dav", "convert", "--format", "zstd:chunked", f"{name}:plain", f"{name}:our-zstd"])
    registry.pull(awkward.image.repository, "our-zstd", folder / "layout")
    index = json.loads((folder / "layout/index.json").read_text())
    manifest, *_ = [document(folder, entry) for entry in index["manifests"]]
    layers = list(zip(manifest["layers"], document(folder, manifest["config"])["rootfs"]["diff_ids"], strict=True))
    with converter(folder / "containerd") as containerd:
        containerd.fetch(f"{name}:our-zstd")
        digests = [containerd.toc_digest(layer["digest"], "--zstdchunked") for layer, _ in layers]
        tocs = [
            json.loads(containerd.toc_digest(layer["digest"], "--zstdchunked", "--dump-toc"))["entries"]
            for layer, _ in layers
        ]
    yield Zstd(folder / "layout", layers, digests, tocs)


def document(folder: Path, descriptor: dict[str, Any]) -> dict[str, Any]:
    path = folder / "layout/blobs" / descriptor["digest"].replace(":", "/")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_ctr_remote_finds_the_toc_digests_that_we_annotate(image: Zstd) -> None:
    assert image.digests == [layer["annotations"][TOC_DIGEST_ANNOTATION] for layer, _ in image.layers]


def test_zstd_unpacks_it_to_the_tar_of_the_diff_id(image: Zstd) -> None:
    for layer, diff_id in image.layers:
        content = subprocess.run(["zstd", "-dc", image.blob(layer)], capture_output=True, check=True).stdout
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == diff_id


def test_every_chunk_has_a_frame_of_its_own(image: Zstd) -> None:
    for layer, _ in image.layers:
        listed = subprocess.run(["zstd", "-lv", image.blob(layer)], capture_output=True, text=True, check=True).stdout
        headers = 3  # frames with no content: before and after the landmark, and the end mark
        assert re.search(rf"# Zstandard Frames: {payloads(image.blob(layer)) + headers}\b", listed)
        assert re.search(r"# Skippable Frames: 2\b", listed)


def payloads(blob: Path) -> int:
    """The chunks that the files of the tar in `blob` are cut into, those included that a later file replaces."""
    content = subprocess.run(["zstd", "-dc", blob], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return sum(math.ceil(member.size / CHUNK_SIZE) for member in tar if member.isreg())


def test_frames_begin_where_the_toc_that_go_read_says(image: Zstd) -> None:
    for (layer, _), rows in zip(image.layers, image.tocs, strict=True):
        blob = image.blob(layer).read_bytes()
        starts = sorted({row["offset"] for row in rows if row.get("offset")})
        ends = dict(zip(starts, [*starts[1:], len(blob)], strict=True))
        for row in [row for row in rows if row.get("chunkDigest")][:10]:
            frame = blob[row["offset"] : ends[row["offset"]]]
            content = subprocess.run(["zstd", "-dc"], input=frame, capture_output=True, check=True).stdout
            size = row.get("chunkSize") or row.get("size", 0) - row.get("chunkOffset", 0)
            assert f"sha256:{hashlib.sha256(content[:size]).hexdigest()}" == row["chunkDigest"]
