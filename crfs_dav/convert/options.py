"""What a conversion is asked to do, and what it reports."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from crfs_dav.convert.events import LayerDone
from crfs_dav.formats.writing import WriteOptions
from crfs_dav.oci import Descriptor, Platform


class Shape(Enum):
    """Which layers the new image has."""

    LAYERED = "layered"  # those of the source, each written anew
    FLAT = "flat"  # one: all of them merged
    BARE = "bare"  # one that holds nothing: what is left is the config (google/crfs, README, "Using with Docker")


def _cores() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Options:
    """How one image is converted."""

    write: WriteOptions = field(default_factory=WriteOptions)
    platforms: tuple[Platform, ...] = ()  # of an index; none: all of them. Exactly one: its manifest alone is the image
    shape: Shape = Shape.LAYERED
    threads: int = field(default_factory=_cores)  # that compress, for all layers; the bytes do not depend on it
    folder: Path | None = None  # for temporary files; None: the system's


@dataclass(frozen=True, slots=True)
class Report:
    """What was done."""

    root: Descriptor  # the image at the target
    layers: tuple[LayerDone, ...]  # each layer of the source once
    left_out: tuple[Descriptor, ...]  # of an index: other platforms, and attestations of manifests that are no more
