"""What a source holds, read before anything is done: its manifests and configs, and which of them are converted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crfs_dav.convert.ports import Source
from crfs_dav.errors import BadName, Corrupt, NotFound
from crfs_dav.names import Digest, parse_digest
from crfs_dav.oci import DEFAULT_PLATFORM, Descriptor, Index, Manifest, Platform, is_runnable, parse_manifest

_CONFIG_LIMIT = 8 << 20  # bytes
_DEPTH_LIMIT = 4  # of indexes in indexes
_MANIFEST_LIMIT = 200


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """One image to convert. `config` is its document as JSON; `diff_ids` are those of the layers, in their order."""

    descriptor: Descriptor
    manifest: Manifest
    config: dict[str, Any]
    diff_ids: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """An index to write anew; `parts` stand for those of its manifests that stay."""

    descriptor: Descriptor
    index: Index
    parts: tuple[ImagePlan | IndexPlan, ...]
    left_out: tuple[Descriptor, ...]


Plan = ImagePlan | IndexPlan


def read_plan(source: Source, platforms: tuple[Platform, ...]) -> tuple[Plan, tuple[Descriptor, ...]]:
    """What is to be done with the source, and what indexes name of which nothing will be there.

    `platforms` choose among an index's images: none all of them, one itself.

    Raises NotFound for a platform that is not there, Corrupt for what is no image, and what `source` raises.
    """
    plan = _Reader(source, platforms).read(source.root(), 0)
    if isinstance(plan, ImagePlan):
        return plan, ()
    found = [image.descriptor.platform or DEFAULT_PLATFORM for image in images_of(plan)]
    for platform in platforms:
        if not any(_fits(one, platform) for one in found):
            there = ", ".join(map(str, found)) or "none of those asked for"
            raise NotFound(f"platform of {source.name}: {there}; expected {platform}")
    if not found:
        raise NotFound(f"index {source.name}: no images; expected one")
    left_out = tuple(_left_out_of(plan))
    return (next(images_of(plan)) if len(platforms) == 1 else plan), left_out


def images_of(plan: Plan) -> Iterator[ImagePlan]:
    """The images in `plan`, in its order."""
    if isinstance(plan, ImagePlan):
        yield plan
        return
    for part in plan.parts:
        yield from images_of(part)


class _Reader:
    def __init__(self, source: Source, platforms: tuple[Platform, ...]) -> None:
        self._source = source
        self._platforms = platforms
        self._count = 0

    def read(self, descriptor: Descriptor, depth: int) -> Plan:
        self._count += 1
        if self._count > _MANIFEST_LIMIT or depth > _DEPTH_LIMIT:
            raise Corrupt(f"index {self._source.name}: more than {_MANIFEST_LIMIT} manifests, or too deep")
        document = self._source.manifest(descriptor)
        manifest = parse_manifest(document, descriptor.media_type)
        if isinstance(manifest, Manifest):
            return self._image(descriptor, manifest)
        kept = tuple(part for part in manifest.manifests if self._wants(part))
        left_out = tuple(part for part in manifest.manifests if not self._wants(part))
        return IndexPlan(descriptor, manifest, tuple(self.read(part, depth + 1) for part in kept), left_out)

    def _wants(self, descriptor: Descriptor) -> bool:
        """False for other platforms, and for attestations: what they attest will not be there any more."""
        if not is_runnable(descriptor):
            return False
        if not self._platforms or (descriptor.platform is None and "index" in descriptor.media_type):
            return True
        return any(_fits(descriptor.platform or DEFAULT_PLATFORM, platform) for platform in self._platforms)

    def _image(self, descriptor: Descriptor, manifest: Manifest) -> ImagePlan:
        config = self._config(manifest.config)
        diff_ids = _diff_ids(config, manifest.config.digest)
        if len(diff_ids) != len(manifest.layers):
            raise Corrupt(f"config {manifest.config.digest}: {len(diff_ids)} diff_ids; expected {len(manifest.layers)}")
        return ImagePlan(descriptor, manifest, config, diff_ids)

    def _config(self, descriptor: Descriptor) -> dict[str, Any]:
        what = f"config {descriptor.digest}"
        if descriptor.size > _CONFIG_LIMIT:
            raise Corrupt(f"{what}: {descriptor.size} bytes; expected at most {_CONFIG_LIMIT}")
        document = self._source.blob(descriptor).read_at(0, descriptor.size)
        if not descriptor.digest.matches(document):
            raise Corrupt(f"{what}: {len(document)} bytes with another digest; expected that one")
        try:
            config = json.loads(document)
        except (ValueError, RecursionError):
            raise Corrupt(f"{what}: no JSON; expected the config of an image") from None
        if not isinstance(config, dict):
            raise Corrupt(f"{what}: {type(config).__name__}; expected the config of an image")
        return config


def _left_out_of(plan: Plan) -> Iterator[Descriptor]:
    if isinstance(plan, ImagePlan):
        return
    yield from plan.left_out
    for part in plan.parts:
        yield from _left_out_of(part)


def _diff_ids(config: dict[str, Any], digest: Digest) -> tuple[Digest, ...]:
    rootfs = config.get("rootfs")
    texts = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(texts, list):
        raise Corrupt(f"config {digest}: no rootfs.diff_ids; expected an image, which has them, and no artifact")
    try:
        return tuple(parse_digest(str(text)) for text in texts)
    except BadName as error:
        raise Corrupt(f"config {digest}: {error}") from None


def _fits(found: Platform, wanted: Platform) -> bool:
    """True if an image for `found` is one of those that `wanted` means, which may leave variant and version open."""
    if (found.os, found.architecture) != (wanted.os, wanted.architecture):
        return False
    return wanted.variant in ("", found.variant) and wanted.os_version in ("", found.os_version)
