"""What is read: images made once, and kept where the interop tests keep theirs."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from crfs_dav.formats.writer import write_estargz
from crfs_dav.oci import TOC_DIGEST_ANNOTATION
from tests.support.real_image import RealImage, cache_folder
from tests.support.real_registry import RealRegistry

BIG = "big.bin"
BIG_SIZE = 200_000_000
SMALL_SIZE = 1024
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_KEPT = "bench-v1"  # a new number whenever what is made here changes
_MTIME = 1_600_000_000


@dataclass(frozen=True)
class BenchImage:
    """`big.bin` in one layer, folders of 100, 1,000 and 10,000 small files in another; and all of it unpacked."""

    repository: str
    root: Path
    blobs: tuple[Path, ...]


def bench_image(registry: RealRegistry, debian: RealImage) -> BenchImage:
    """The image, in the registry as `test/bench`; from the cache where it was made before."""
    kept = cache_folder() / _KEPT
    if not kept.exists():
        making = kept.with_name(f"{kept.name}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        _make(making, debian.root)
        making.rename(kept)
    registry.push(kept / "layout", "x", "test/bench")
    return BenchImage("test/bench", kept / "root", tuple(sorted((kept / "layers").iterdir())))


def _make(folder: Path, source: Path) -> None:
    root = folder / "root"
    root.mkdir(parents=True)
    _write_big(root / BIG, source / "usr")
    for count in (100, 1_000, 10_000):
        (root / f"many-{count}").mkdir()
        for number in range(count):
            path = root / f"many-{count}" / f"{number:05}.txt"
            path.write_bytes(sha256(b"%d" % number).hexdigest().encode() * (SMALL_SIZE // 64))
            os.utime(path, (_MTIME + number, _MTIME + number))
    (folder / "layers").mkdir()
    layers = [
        _write_layer(folder / "layers" / "0", root, [BIG]),
        _write_layer(folder / "layers" / "1", root, ["many-100", "many-1000", "many-10000"]),
    ]
    write_layout(folder / "layout", "x", layers)


def _write_big(path: Path, source: Path) -> None:
    """What people have in big files: programs and libraries, one after the other."""
    with path.open("wb") as out:
        for each in _files(source):
            out.write(each.read_bytes()[: BIG_SIZE - out.tell()])
            if out.tell() == BIG_SIZE:
                return
        while out.tell() < BIG_SIZE:  # once more from the start
            out.write(path.read_bytes()[: BIG_SIZE - out.tell()])


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _write_layer(path: Path, root: Path, names: list[str]) -> tuple[Path, Mapping[str, str]]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in names:
            archive.add(root / name, name)
    tar.seek(0)
    with path.open("wb") as out:
        written = write_estargz(tar, out, threads=2)
    return path, {TOC_DIGEST_ANNOTATION: str(written.toc_digest)}


def write_layout(folder: Path, tag: str, layers: list[tuple[Path, Mapping[str, str]]]) -> None:
    """An OCI layout (image-spec `image-layout.md`) with one image of these layers, files and annotations."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}

    def add(data: bytes, media_type: str) -> dict[str, object]:
        digest = sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": add(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [
            {**add(path.read_bytes(), "application/vnd.oci.image.layer.v1.tar+gzip"), "annotations": dict(annotations)}
            for path, annotations in layers
        ],
    }
    named = {
        **add(json.dumps(manifest).encode(), MANIFEST_TYPE),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
