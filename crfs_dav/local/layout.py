"""Images in a folder or an archive: OCI image layouts, and what `docker save` and `podman save` write.

Specifications: OCI image-spec v1.1 `image-layout.md`; Docker's `image/spec/v1.2.md`, "Combined Image JSON + Filesystem
Changeset Format" (manifest.json). Pure but for the files it is given. Newer `docker save` writes both into one archive;
then the layout counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from crfs_dav.errors import BadName, Corrupt, NotFound
from crfs_dav.names import Digest, digest_of, parse_digest
from crfs_dav.oci import (
    MANIFEST_SIZE_LIMIT,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Index,
    parse_manifest,
)
from crfs_dav.readers import BytesReader, ReaderAt

_NAME_ANNOTATIONS = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
_IMAGES_LIMIT = 10_000
_READ_SIZE = 4 << 20  # bytes
_PACKED = (bytes.fromhex("1f8b08"), bytes.fromhex("28b52ffd"))  # gzip, zstd: then the diff ID is another digest


class Files(Protocol):
    """Files by their path in a folder or an archive."""

    def open(self, path: str) -> ReaderAt:
        """The file at `path`; raises NotFound."""
        ...


@dataclass(frozen=True)
class Layout:
    """Images: what each reference names, and where blobs lie that no digest finds; `files` has them."""

    files: Files
    references: Mapping[str, Descriptor]
    documents: Mapping[Digest, bytes]  # made up here: manifests that `docker save` leaves out
    places: Mapping[Digest, str]

    def blob(self, digest: Digest) -> ReaderAt:
        """The blob, its digest not checked; raises NotFound."""
        document = self.documents.get(digest)
        if document is not None:
            return BytesReader(document)
        return self.files.open(self.places.get(digest) or f"blobs/{digest.algorithm}/{digest.hex}")


def read_layout(files: Files) -> Layout | None:
    """The images in `files`; None where they are none. Raises Corrupt for broken ones."""
    if _read(files, "oci-layout") is not None:
        index = _read(files, "index.json")
        return None if index is None else _oci_layout(files, index)
    manifest = _read(files, "manifest.json")
    return None if manifest is None else _docker_layout(files, manifest)


def _oci_layout(files: Files, document: bytes) -> Layout:
    index = parse_manifest(document)
    if not isinstance(index, Index):
        raise Corrupt("index.json: a manifest; expected an index")
    references: dict[str, Descriptor] = {}
    for descriptor in index.manifests:
        name = next((descriptor.annotations[key] for key in _NAME_ANNOTATIONS if key in descriptor.annotations), "")
        _add(references, name, descriptor)
    return Layout(files, references, {}, {})


def _docker_layout(files: Files, document: bytes) -> Layout | None:
    """What manifest.json lists: for each image its config, its tags, its layers. None for another manifest.json."""
    images = _json(document)
    if not isinstance(images, list) or not images or len(images) > _IMAGES_LIMIT or not all(map(_is_image, images)):
        return None
    references: dict[str, Descriptor] = {}
    documents: dict[Digest, bytes] = {}
    places: dict[Digest, str] = {}
    for image in images:
        manifest, found = _docker_manifest(files, image)
        descriptor = Descriptor(OCI_MANIFEST, digest_of(manifest), len(manifest))
        documents[descriptor.digest] = manifest
        places |= found
        for name in image.get("RepoTags") or [""]:
            _add(references, str(name), descriptor)
    return Layout(files, references, documents, places)


def _is_image(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("Config"), str) and isinstance(value.get("Layers"), list)


def _docker_manifest(files: Files, image: Mapping[str, Any]) -> tuple[bytes, Mapping[Digest, str]]:
    """The OCI manifest that says the same, and where its blobs lie."""
    path = image["Config"]
    config = _read(files, path)
    if config is None:
        raise Corrupt(f"manifest.json: config {path[:200]!r}; expected it in the archive")
    places = {digest_of(config): path}
    layers = []
    diff_ids = _diff_ids(config)
    if len(diff_ids) != len(image["Layers"]):
        raise Corrupt(f"manifest.json: {len(image['Layers'])} layers; expected {len(diff_ids)}, as its config says")
    for layer_path, diff_id in zip(map(str, image["Layers"]), diff_ids, strict=True):
        layer = files.open(layer_path)
        digest = _digest_of_content(layer) if layer.read_at(0, 4).startswith(_PACKED) else diff_id
        places[digest] = layer_path
        layers.append({"mediaType": OCI_LAYER, "digest": str(digest), "size": layer.size})
    described = {"mediaType": OCI_CONFIG, "digest": str(digest_of(config)), "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": layers}
    return json.dumps(manifest, indent=2).encode(), places


def _diff_ids(config: bytes) -> Sequence[Digest]:
    """Digests of the layers as tars, which is how they lie in the archive."""
    body = _json(config)
    rootfs = body.get("rootfs") if isinstance(body, dict) else None
    texts = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    try:
        return [parse_digest(str(text)) for text in texts or []]
    except (BadName, TypeError):
        raise Corrupt("config: rootfs.diff_ids; expected digests") from None


def _digest_of_content(file: ReaderAt) -> Digest:
    found = hashlib.sha256()
    for offset in range(0, file.size, _READ_SIZE):
        found.update(file.read_at(offset, _READ_SIZE))
    return Digest("sha256", found.hexdigest())


def _add(references: dict[str, Descriptor], name: str, descriptor: Descriptor) -> None:
    """Enter a reference under a name that can be a file's; those of one name, and those of none, by digest."""
    shown = name.replace("/", "_").replace("\\", "_")
    if not shown.isprintable() or shown in ("", ".", "..") or len(shown.encode(errors="replace")) > 255:
        shown = ""
    if shown and shown not in references:
        references[shown] = descriptor
    references.setdefault(descriptor.digest.file_name, descriptor)


def _read(files: Files, path: str) -> bytes | None:
    try:
        file = files.open(path)
    except NotFound:
        return None
    if file.size > MANIFEST_SIZE_LIMIT:
        raise Corrupt(f"{path[:200]}: {file.size} bytes; expected at most {MANIFEST_SIZE_LIMIT}")
    return file.read_at(0, file.size)


def _json(document: bytes) -> Any:
    try:
        return json.loads(document)
    except (ValueError, RecursionError):
        return None
