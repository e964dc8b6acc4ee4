"""Descriptors, manifests, indexes and platforms: JSON to values. Pure.

Specification: OCI image-spec v1.1 (`descriptor.md`, `manifest.md`, `image-index.md`) and Docker's schema 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from crfs_dav.errors import BadName, Corrupt
from crfs_dav.names import Digest, parse_digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = (OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST)
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"

TOC_DIGEST_ANNOTATION = "containerd.io/snapshot/stargz/toc.digest"
ZSTDCHUNKED_ANNOTATIONS = ("io.github.containers.zstd-chunked.", "io.containers.zstd-chunked.")
"""Prefixes of what containers/storage, and what it and stargz-snapshotter wrote before, say of a zstd:chunked layer."""
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_IMAGE_CONFIGS = (OCI_CONFIG, DOCKER_CONFIG)
_NO_ARCHIVES = ("json", "wasm", "yaml", "xml", "/plain")
TITLE_ANNOTATION = "org.opencontainers.image.title"

MANIFEST_SIZE_LIMIT = 16 << 20  # bytes; registries must take 4 MiB, ggcr stops at 100
_LIST_LIMIT = 10_000  # layers of a manifest, manifests of an index
_SIZE_LIMIT = 1 << 62  # bytes; what a blob may claim

_NOTHING: Mapping[str, str] = MappingProxyType({})


def _nothing() -> Mapping[str, str]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on; `variant` and `os_version` are empty where nothing is said."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    @property
    def file_name(self) -> str:
        """The platform as one path component: `linux-arm64-v8`."""
        return "-".join(filter(None, (self.os, self.architecture, self.variant, self.os_version))).replace("/", "-")


DEFAULT_PLATFORM = Platform("linux", "amd64")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Type, digest and size in bytes of a blob or manifest, and what its parent says of it."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=_nothing, hash=False)
    platform: Platform | None = None
    artifact_type: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest (or Docker's schema 2); `document` is the JSON as stored."""

    media_type: str
    config: Descriptor
    layers: Sequence[Descriptor]
    document: bytes
    annotations: Mapping[str, str] = field(default_factory=_nothing, hash=False)
    artifact_type: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An image index (or Docker's manifest list); `document` is the JSON as stored."""

    media_type: str
    manifests: Sequence[Descriptor]
    document: bytes
    annotations: Mapping[str, str] = field(default_factory=_nothing, hash=False)


def may_be_archive(layer: Descriptor, manifest: Manifest) -> bool:
    """True if the blob claims to be an archive, or lies in an image under a type that says nothing else of it.

    Signatures and attestations lie in images too (cosign, BuildKit), with JSON in place of layers.
    """
    if is_archive(layer):
        return True
    is_of_image = (
        _plain_type(manifest.config.media_type) in _IMAGE_CONFIGS and TITLE_ANNOTATION not in layer.annotations
    )
    return is_of_image and not _plain_type(layer.media_type).endswith(_NO_ARCHIVES)


def _plain_type(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def toc_annotations(descriptor: Descriptor) -> str:
    """What is said of a layer's TOC, as text: alike for two descriptors that lead to the same reading of one blob."""
    keys = (key for key in descriptor.annotations if key.startswith((TOC_DIGEST_ANNOTATION, *ZSTDCHUNKED_ANNOTATIONS)))
    return "\n".join(f"{key}={descriptor.annotations[key]}" for key in sorted(keys))


def parse_platform(text: str) -> Platform:
    """Platform spelled `os/architecture[/variant]`; raises BadName."""
    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise BadName(f"platform: {text!r}; expected os/architecture[/variant], like linux/amd64")
    return Platform(*parts)


def parse_manifest(document: bytes, media_type: str = "") -> Manifest | Index:
    """The manifest or index in `document`; raises Corrupt.

    Decided by the shape of the body: static registries send wrong types (ggcr `descriptor.go` tolerates them too).
    """
    body = _json_object(document)
    own_type = body.get("mediaType") or media_type.partition(";")[0].strip()
    annotations = _annotations(body)
    if isinstance(body.get("manifests"), list):
        manifests = _descriptors(body["manifests"], "index")
        return Index(str(own_type or OCI_INDEX), manifests, document, annotations)
    if isinstance(body.get("layers"), list) and isinstance(body.get("config"), dict):
        layers = _descriptors(body["layers"], "manifest")
        config = _descriptor(body["config"])
        artifact_type = str(body.get("artifactType") or config.media_type)
        return Manifest(str(own_type or OCI_MANIFEST), config, layers, document, annotations, artifact_type)
    if "fsLayers" in body or body.get("schemaVersion") == 1:
        raise Corrupt("manifest: Docker schema 1; expected schema 2 or OCI, schema 1 is no longer served by anyone")
    raise Corrupt(f"manifest: keys {sorted(map(str, body))[:8]}; expected layers and config, or manifests")


def _json_object(document: bytes) -> dict[str, Any]:
    if len(document) > MANIFEST_SIZE_LIMIT:
        raise Corrupt(f"manifest: {len(document)} bytes; expected at most {MANIFEST_SIZE_LIMIT}")
    try:
        body = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"manifest: {error}; expected JSON") from None
    if not isinstance(body, dict):
        raise Corrupt(f"manifest: {type(body).__name__}; expected a JSON object")
    return body


def _descriptors(values: list[Any], what: str) -> tuple[Descriptor, ...]:
    if len(values) > _LIST_LIMIT:
        raise Corrupt(f"{what}: {len(values)} descriptors; expected at most {_LIST_LIMIT}")
    return tuple(map(_descriptor, values))


def _descriptor(value: Any) -> Descriptor:
    if not isinstance(value, dict):
        raise Corrupt(f"descriptor: {type(value).__name__}; expected a JSON object")
    size = value.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _SIZE_LIMIT:
        raise Corrupt(f"descriptor size: {size!r}; expected a count of bytes")
    try:
        digest = parse_digest(str(value.get("digest")))
    except BadName as error:
        raise Corrupt(str(error)) from None
    return Descriptor(
        media_type=str(value.get("mediaType") or ""),
        digest=digest,
        size=size,
        annotations=_annotations(value),
        platform=_platform(value.get("platform")),
        artifact_type=str(value.get("artifactType") or ""),
    )


def _annotations(value: dict[str, Any]) -> Mapping[str, str]:
    annotations = value.get("annotations")
    if not isinstance(annotations, dict):
        return _NOTHING
    return MappingProxyType({str(key): text for key, text in annotations.items() if isinstance(text, str)})


def _platform(value: Any) -> Platform | None:
    if not isinstance(value, dict) or not isinstance(value.get("os"), str):
        return None
    texts = [value.get(key) for key in ("os", "architecture", "variant", "os.version")]
    return Platform(*(text if isinstance(text, str) else "" for text in texts))


def is_runnable(descriptor: Descriptor) -> bool:
    """True unless an index's entry is machinery: an attestation (platform unknown) or an artifact such as SOCI's."""
    if descriptor.artifact_type or "vnd.docker.reference.type" in descriptor.annotations:
        return False
    return descriptor.platform is None or descriptor.platform.os != "unknown"


def is_archive(descriptor: Descriptor) -> bool:
    """True if the blob claims to be a tar, packed or not, or claims nothing; all else is an artifact's plain file."""
    media_type = _plain_type(descriptor.media_type)
    return not media_type or ".tar" in media_type


class Offer(NamedTuple):
    """A manifest of an index, and what it runs on; None where nothing is known of that."""

    platform: Platform | None
    descriptor: Descriptor


def stated_offers(index: Index) -> list[Offer]:
    """What `index` itself says that it offers, without machinery."""
    return [Offer(descriptor.platform, descriptor) for descriptor in index.manifests if is_runnable(descriptor)]


def best_offer(offers: Sequence[Offer], wanted: Platform) -> Descriptor | None:
    """What of `offers` is for `wanted`, the first among equals (image-index.md); None where nothing is.

    Where the exact variant is not there, the next older one, which runs as well; where none was wanted, any.
    """
    ranked = [(_rank(offer.platform, wanted), offer.descriptor) for offer in offers if offer.platform is not None]
    fitting = [(rank, descriptor) for rank, descriptor in ranked if rank is not None]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


# Other spellings of architectures, and the variants that count as none, in order of age: containerd/platforms.
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
_VARIANTS = {
    "amd64": {"": 1, "v1": 1, "v2": 2, "v3": 3, "v4": 4},
    "arm": {"v5": 5, "v6": 6, "": 7, "v7": 7, "v8": 8},
    "arm64": {"": 8, "v8": 8, "v9": 9},
}


def _rank(found: Platform, wanted: Platform) -> int | None:
    """0 for the same, more the less it fits, None where it does not."""
    architecture = _ARCHITECTURES.get(wanted.architecture, wanted.architecture)
    if (found.os, _ARCHITECTURES.get(found.architecture, found.architecture)) != (wanted.os, architecture):
        return None
    if wanted.os_version not in ("", found.os_version):
        return None
    ages = _VARIANTS.get(architecture, {})
    age, wanted_age = ages.get(found.variant), ages.get(wanted.variant)
    if found.variant == wanted.variant or (age is not None and age == wanted_age):
        return 0
    if age is not None and wanted_age is not None and age < wanted_age:
        return wanted_age - age
    return len(ages) + 1 if not wanted.variant else None


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image's config says of the whole image (OCI image-spec `config.md`)."""

    created: datetime | None
    platform: Platform | None
    diff_ids: Sequence[str] = ()  # of the layers' uncompressed tars, base first; as spelled


def parse_config(document: bytes) -> ImageConfig:
    """The config in `document`; what it does not say, or says wrong, is None; raises Corrupt if it is no object."""
    body = _json_object(document)
    return ImageConfig(_time(body.get("created")), _platform(body), _diff_ids(body.get("rootfs")))


def _diff_ids(value: Any) -> Sequence[str]:
    found = value.get("diff_ids") if isinstance(value, dict) else None
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _time(value: Any) -> datetime | None:
    """RFC 3339 with any number of fraction digits (Go writes nine), in UTC."""
    match = re.fullmatch(r"([0-9-]{10}[Tt][0-9:]{8})(?:\.[0-9]+)?([Zz]|[+-][0-9:]{5})", str(value))
    try:
        return datetime.fromisoformat("".join(match.groups())).astimezone(UTC) if match else None
    except (ValueError, OverflowError):
        return None
