"""Configs, manifests and indexes written anew: their JSON is edited, so that all that is not ours to change stays.

Specifications: OCI image-spec v1.1 `config.md`, `manifest.md`, `image-index.md`; Docker's schema 2. Annotations are
OCI's: a Docker manifest whose layers need some becomes an OCI manifest, with all the types in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from crfs_dav.names import Digest, digest_of
from crfs_dav.oci import DOCKER_INDEX, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor

_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
_OCI_FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar"
_OCI_TYPES = {
    DOCKER_MANIFEST: OCI_MANIFEST,
    DOCKER_INDEX: OCI_INDEX,
    "application/vnd.docker.container.image.v1+json": OCI_CONFIG,
    _DOCKER_LAYER: _OCI_LAYER,
    f"{_DOCKER_LAYER}.gzip": f"{_OCI_LAYER}+gzip",
    f"{_DOCKER_LAYER}.zstd": f"{_OCI_LAYER}+zstd",
    f"{_DOCKER_FOREIGN_LAYER}.gzip": f"{_OCI_FOREIGN_LAYER}+gzip",
}
_STALE_KEYS = ("urls", "data")  # of the blob that was; the new one is where the manifest is


def layer_type(media_type: str, compression: str, *, is_oci: bool) -> str:
    """Media type of a layer that was of `media_type` and is compressed by `compression` ("gzip", "zstd") now."""
    if is_oci or not media_type.startswith("application/vnd.docker."):
        return f"{_OCI_LAYER}+{compression}"
    return f"{_DOCKER_LAYER}.{compression}"


def config_type(media_type: str, *, is_oci: bool) -> str:
    """Media type of a config that was of `media_type`."""
    return _OCI_TYPES.get(media_type, media_type) if is_oci else media_type


def new_config(config: Mapping[str, Any], diff_ids: Sequence[Digest]) -> bytes:
    """The config with other layers below it; of steps of its history that made layers, the last stand for them."""
    rootfs = {**config["rootfs"], "diff_ids": list(map(str, diff_ids))}
    history = config.get("history")
    if len(diff_ids) < len(config["rootfs"]["diff_ids"]) and isinstance(history, list):
        config = {**config, "history": _shortened(history, len(diff_ids))}
    return _dump({**config, "rootfs": rootfs})


def new_manifest(document: bytes, config: Descriptor, layers: Sequence[Descriptor], *, is_oci: bool) -> bytes:
    """The manifest with these in place of its config and its layers; all types OCI's if `is_oci`.

    Layers that are as many as before take the old ones' places one for one, and keep what is said of those.
    """
    body = json.loads(document)
    old_layers = body["layers"] if len(body["layers"]) == len(layers) else [{}] * len(layers)
    body["config"] = _replaced(body["config"], config)
    body["layers"] = [_replaced_layer(old, new) for old, new in zip(old_layers, layers, strict=True)]
    return _dump(_moved(body) if is_oci else body)


def new_index(document: bytes, parts: Mapping[Digest, Descriptor]) -> bytes:
    """The index with manifests replaced by digest, and without those that `parts` has not."""
    body = json.loads(document)
    kept = [entry for entry in body["manifests"] if _digest_in(entry) in parts]
    body["manifests"] = [_replaced(entry, parts[_digest_in(entry)]) for entry in kept]
    is_oci = any(part.media_type in (OCI_MANIFEST, OCI_INDEX) for part in parts.values())
    return _dump(_moved(body) if is_oci else body)


def described(document: bytes, media_type: str, default: str) -> Descriptor:
    """The descriptor of a document, by its own `mediaType`, or that of what it was made of."""
    own_type = json.loads(document).get("mediaType") or media_type or default
    return Descriptor(str(own_type), digest_of(document), len(document))


def _shortened(history: list[Any], count: int) -> list[Any]:
    """The history with all steps marked as without a layer but for the last `count` of those that had one."""
    with_layer = [n for n, step in enumerate(history) if not (isinstance(step, dict) and step.get("empty_layer"))]
    emptied = set(with_layer[:-count] if count else with_layer)
    return [{**step, "empty_layer": True} if n in emptied else step for n, step in enumerate(history)]


def _digest_in(entry: Mapping[str, Any]) -> Digest:
    algorithm, _, digits = str(entry["digest"]).partition(":")
    return Digest(algorithm, digits)


def _replaced(old: Mapping[str, Any], new: Descriptor) -> dict[str, Any]:
    """What stood in the document, about another blob or manifest."""
    replaced = {key: value for key, value in old.items() if key not in _STALE_KEYS}
    return replaced | {"mediaType": new.media_type, "digest": str(new.digest), "size": new.size}


def _replaced_layer(old: Mapping[str, Any], new: Descriptor) -> dict[str, Any]:
    """The same with the annotations of `new`, which knows of those that there were."""
    replaced = dict(old) if old.get("digest") == str(new.digest) else _replaced(old, new)
    replaced.pop("annotations", None)
    return {**replaced, "annotations": dict(new.annotations)} if new.annotations else replaced


def _moved(body: dict[str, Any]) -> dict[str, Any]:
    """A manifest or index in which every Docker type became OCI's."""
    moved = {key: _retyped(value) if key in ("config", "layers", "manifests") else value for key, value in body.items()}
    if "mediaType" in moved:
        moved["mediaType"] = _OCI_TYPES.get(moved["mediaType"], moved["mediaType"])
    return moved


def _retyped(value: Any) -> Any:
    if isinstance(value, list):
        return [_retyped(item) for item in value]
    media_type = value.get("mediaType")
    return {**value, "mediaType": _OCI_TYPES[media_type]} if media_type in _OCI_TYPES else value


def _dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
