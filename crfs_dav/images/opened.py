"""Layers and images as they were opened: what can be read of them, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from crfs_dav.names import Digest
from crfs_dav.oci import TITLE_ANNOTATION, Descriptor, Manifest, is_archive
from crfs_dav.tree.node import Directory

NO_FORMAT = "no tar, packed or not, by its bytes"
"""The flaw of what is no archive."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as its archive says; `tree` is None where it cannot be read file by file, and `flaw` says why."""

    descriptor: Descriptor
    tree: Directory | None
    entry_count: int = 0
    flaw: str = ""
    diff_id: Digest | None = None  # where the layer was read through

    @property
    def is_plain(self) -> bool:
        """True if it is a file, by its bytes, that is not said to be a layer of a file system: an artifact's."""
        has_other_use = not is_archive(self.descriptor) or TITLE_ANNOTATION in self.descriptor.annotations
        return self.tree is None and self.flaw == NO_FORMAT and has_other_use


@dataclass(frozen=True)
class Image:
    """One image: its manifest, its layers (base first), and `root`, those that have trees merged, links followed."""

    manifest: Manifest
    layers: Sequence[Layer]
    root: Directory

    @cached_property
    def flawed_layers(self) -> Sequence[tuple[int, Layer]]:
        """Layers that cannot be read, and so are missing in `root`, by number."""
        flawed = ((number, layer) for number, layer in enumerate(self.layers) if layer.tree is None)
        return [(number, layer) for number, layer in flawed if not layer.is_plain]

    @cached_property
    def plain_files(self) -> Sequence[Descriptor]:
        """Blobs that are no layers of a file system, but files of an artifact."""
        return [layer.descriptor for layer in self.layers if layer.is_plain]
