"""Small images in the demo registry, made of tars by our own writer."""

from __future__ import annotations

import random
from collections.abc import Mapping

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import Digest
from tests.support.archives import Member, dir_, estargz_of, file, tar_of

NOISE = random.Random(1).randbytes(3 << 20)
"""Content that does not compress: behind it, other files lie outside the first read of a layer's tail."""

_UNKNOWN: dict[str, object] = {"type": "layers", "diff_ids": []}  # broken blobs have none

Layer = tuple[bytes, Mapping[str, str]]


def layer_of(*members: Member) -> Layer:
    """Blob and annotations of an eStargz layer."""
    return estargz_of(tar_of(*members))


def base_layer(*, os_release: bytes = b"NAME=base\n") -> Layer:
    """`etc/os-release`, `etc/passwd` and 3 MiB of noise after them."""
    return layer_of(
        dir_("etc/"),
        file("etc/os-release", os_release),
        file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n"),
        dir_("usr/"),
        file("usr/noise", NOISE),
    )


def upper_layer(content: bytes = b"upper") -> Layer:
    """One more file."""
    return layer_of(dir_("opt/"), file("opt/upper", content))


def add_layers(registry: DemoRegistry, repository: str, tag: str | None, *layers: Layer) -> Digest:
    """Digest of a new image of these layers, base first."""
    return registry.add_image(repository, tag, layers, config={"rootfs": _UNKNOWN})
