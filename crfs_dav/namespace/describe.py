"""An image in words: what its manifest and its config say, and how each layer can be read.

Asking costs the request for the config, once. No layer is opened for it: what has been opened is known better.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crfs_dav.errors import CrfsError
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Repository
from crfs_dav.namespace.configfacts import ConfigFacts, Step, pairs, parse_config_facts
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, Descriptor, Manifest, Offer, is_archive, may_be_archive
from crfs_dav.tree.described import Child, Column, Description, Fact, Table, Value

_log = logging.getLogger(__name__)

_LAYER_LIMIT = 1000  # rows
_ZSTD_CHUNKED_KEYS = (".zstd-chunked.manifest-position", ".zstd-chunked.manifest-checksum")
_ESTARGZ, _ZSTD_CHUNKED = "eStargz", "zstd:chunked"
_COLUMNS = (
    Column("Layer"),
    Column("Made by", is_code=True),
    Column("Size"),
    Column("Format"),
    Column("Read file by file"),
    Column("Digest", is_code=True),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """An image to describe; `has_layers` if its directory has a child for each layer, by number."""

    repository: Repository
    descriptor: Descriptor
    manifest: Manifest
    has_layers: bool


def describe_image(store: ImageStore, image: Subject) -> Description:
    """The words for one image."""
    said = _config_facts(store, image)
    layers = image.manifest.layers
    facts = (
        Fact("Repository", (str(image.repository),), is_code=True),
        Fact("Digest", (str(image.descriptor.digest),), is_code=True),
        Fact("Size in the registry", (sum(layer.size for layer in layers),)),
        *said.facts,
    )
    tables = (
        Table("Layers", _COLUMNS, tuple(_rows(store, image, said.history))),
        _pairs_table("Labels", said.labels),
        _pairs_table("Annotations", pairs(dict(image.manifest.annotations))),
    )
    return Description("Image", facts, tuple(table for table in tables if table.rows))


def platforms_table(offers: Sequence[Offer]) -> Table:
    """What an index offers, as its directory names it."""
    columns = (Column("Platform"), Column("Manifest", is_code=True))
    rows = tuple(
        (Child(platform.file_name, str(platform)) if platform else "unknown", str(descriptor.digest))
        for platform, descriptor in offers[:_LAYER_LIMIT]
    )
    return Table("Platforms", columns, rows)


def _config_facts(store: ImageStore, image: Subject) -> ConfigFacts:
    try:
        return parse_config_facts(store.document(image.repository, image.manifest.config))
    except CrfsError as error:
        _log.info("%s: described without its config: %s", image.repository, error)
        return ConfigFacts()


def _rows(store: ImageStore, image: Subject, history: tuple[Step, ...]) -> Iterator[tuple[Value | None, ...]]:
    """A row for each layer, with the step that made it, and one for each step that made none, in order."""
    steps = iter(history)
    for number in range(min(len(image.manifest.layers), _LAYER_LIMIT)):
        step = next(steps, None)
        while step is not None and not step.has_layer:
            yield (None, step.created_by, None, "no layer", None, None)
            step = next(steps, None)
        yield _layer_row(store, image, number, step.created_by if step else None)
    for step in steps:
        if not step.has_layer:
            yield (None, step.created_by, None, "no layer", None, None)


def _layer_row(store: ImageStore, image: Subject, number: int, created_by: str | None) -> tuple[Value | None, ...]:
    layer = image.manifest.layers[number]
    name = (
        Child(str(number), str(number)) if image.has_layers and may_be_archive(layer, image.manifest) else str(number)
    )
    return (
        name,
        created_by,
        layer.size,
        format_of(layer),
        _is_readable(store, image.repository, layer),
        str(layer.digest),
    )


def format_of(layer: Descriptor) -> str:
    """The format that a layer's descriptor claims."""
    if not is_archive(layer):
        return layer.media_type.partition(";")[0][:100]
    if any(key.endswith(_ZSTD_CHUNKED_KEYS) for key in layer.annotations):
        return _ZSTD_CHUNKED
    if TOC_DIGEST_ANNOTATION in layer.annotations:
        return _ESTARGZ
    packing = layer.media_type.replace(".", "+").rpartition("+")[2]
    return f"tar, {packing}" if packing in ("gzip", "zstd") else "tar"


def _is_readable(store: ImageStore, repository: Repository, layer: Descriptor) -> str | None:
    if not is_archive(layer):
        return None
    opened = store.opened_layer(repository, layer)
    if opened is not None:
        return "no, only whole" if opened.tree is None else "yes"
    return "yes" if format_of(layer) in (_ESTARGZ, _ZSTD_CHUNKED) else "not opened yet"


def _pairs_table(title: str, found: tuple[tuple[str, str], ...]) -> Table:
    return Table(title, (Column("Name", is_code=True), Column("Value")), found, is_aside=True)
