"""OCI layouts (image-spec `image-layout.md`) of layers that lie in files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Layer:
    """A blob, and what its descriptor says besides."""

    path: Path
    annotations: Mapping[str, str]


def write_layout(folder: Path, tag: str, layers: Sequence[Layer]) -> None:
    """A layout with one image; its layers are the same files as `layers`, by hard link."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST_TYPE,
        "config": _add(
            blobs,
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}},
            _CONFIG_TYPE,
        ),
        "layers": [_add_layer(blobs, layer) for layer in layers],
    }
    named = {
        **_add(blobs, manifest, _MANIFEST_TYPE),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def digest_of_file(path: Path) -> str:
    """What a blob is called: `sha256:` and hexadecimal digits."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _add(blobs: Path, document: Mapping[str, object], media_type: str) -> dict[str, object]:
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _add_layer(blobs: Path, layer: Layer) -> dict[str, object]:
    digest = digest_of_file(layer.path)
    os.link(layer.path, blobs / digest.removeprefix("sha256:"))
    return {
        "mediaType": _LAYER_TYPE,
        "digest": digest,
        "size": layer.path.stat().st_size,
        "annotations": dict(layer.annotations),
    }
