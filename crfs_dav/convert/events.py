"""What a conversion tells while it goes on. Events come from several threads, those of one layer in order.

A layer is known by its descriptor in the source; one that several platforms share is converted, and told of, once.
Where an image's layers become one, that is told of as if it were made of one layer with the digest of the manifest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from crfs_dav.oci import Descriptor


class Fate(Enum):
    """What became of a layer."""

    CONVERTED = "converted"
    PASSED = "passed through"  # it was lazily readable before, or is no tar


@dataclass(frozen=True, slots=True)
class Planned:
    """All manifests are read: these layers are to be gone through, each once."""

    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class SpaceNeeded:
    """Up to about `size` bytes will be taken in `folder` at one time."""

    folder: Path
    size: int


@dataclass(frozen=True, slots=True)
class LayerStarted:
    """Work on the layer begins."""

    layer: Descriptor


@dataclass(frozen=True, slots=True)
class LayerRead:
    """`size` bytes of the layer's blob have been read by now."""

    layer: Descriptor
    size: int


@dataclass(frozen=True, slots=True)
class LayerWritten:
    """`size` bytes of the new blob have been written by now, to a local file."""

    layer: Descriptor
    size: int


@dataclass(frozen=True, slots=True)
class LayerSent:
    """`size` bytes of the `total` of what becomes of the layer are at the target by now."""

    layer: Descriptor
    size: int
    total: int


@dataclass(frozen=True, slots=True)
class LayerDone:
    """`result` is at the target: the new layer, or the same. `was_there` says that nothing had to be sent.

    `first` are the paths in it of those that were to come first.
    """

    layer: Descriptor
    result: Descriptor
    fate: Fate
    was_there: bool
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentSent:
    """All layers are at the target; `size` bytes of a config, manifest or index are there, too, 0 before every try."""

    document: Descriptor
    size: int


Event = Planned | SpaceNeeded | LayerStarted | LayerRead | LayerWritten | LayerSent | LayerDone | DocumentSent
OnProgress = Callable[[Event], None]
"""Told each event, in the thread where it happens; raising ends the conversion."""


def ignore(event: Event) -> None:
    """Nothing: for who does not want to know."""
