"""`crfs-dav inspect`: what an image is and how each of its layers can be read, for a few requests."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from crfs_dav.config import load_config
from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable
from crfs_dav.formats.probe import Probe
from crfs_dav.images.inspection import Found, Inspection, inspect_image
from crfs_dav.names import parse_reference
from crfs_dav.oci import Descriptor
from crfs_dav.registry.traffic import Traffic
from crfs_dav.upstream import open_upstream

EXIT_FAILURE = 1

_READINGS = {
    "toc": "yes",
    "headers": "yes, by its headers",
    "index": "yes, by its index",
    "pass": "after one pass",
    "whole": "no",
}


def run(options: argparse.Namespace) -> int:
    """0, the image printed; 1 where it, or one of its layers, cannot be had. Raises BadName, BadConfig."""
    overrides = {"platform": options.platform} if options.platform else {}
    config = load_config(options.config, overrides)
    reference = parse_reference(options.reference)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.ERROR)
    with open_upstream(config) as upstream:
        try:
            descriptor = upstream.client.resolve(reference)
            inspection = inspect_image(upstream.images, reference, descriptor, config.default_platform())
        except (NotFound, AccessDenied, Unavailable, Corrupt) as error:
            print(f"crfs-dav inspect: {error}", file=sys.stderr)
            return EXIT_FAILURE
        if options.json:
            print(json.dumps(_document(inspection, upstream.traffic), indent=2))
        else:
            print("\n".join(map(_printable, _lines(inspection, upstream.traffic))))
    return EXIT_FAILURE if any(isinstance(found, CrfsError) for _, found in inspection.layers) else 0


def _document(inspection: Inspection, traffic: Traffic) -> dict[str, Any]:
    config, image = inspection.config, inspection.image
    return {
        "reference": str(inspection.reference),
        "digest": str(inspection.descriptor.digest),
        "platforms": [
            {
                "platform": str(platform) if platform else None,
                "digest": str(descriptor.digest),
                "shown": descriptor.digest == image.digest,
            }
            for platform, descriptor in inspection.offers
        ],
        "image": {
            "digest": str(image.digest),
            "mediaType": inspection.manifest.media_type,
            "artifactType": inspection.manifest.artifact_type,
            "platform": str(config.platform) if config and config.platform else None,
            "created": config.created.isoformat() if config and config.created else None,
            "size": _size(inspection),
        },
        "layers": [
            {"number": number, **_described(layer), **_read(found)}
            for number, (layer, found) in enumerate(inspection.layers)
        ],
        "cost": {"requests": traffic.requests, "bytes": traffic.received},
    }


def _described(layer: Descriptor) -> dict[str, Any]:
    return {"digest": str(layer.digest), "mediaType": layer.media_type, "size": layer.size}


def _read(found: Found) -> dict[str, Any]:
    if isinstance(found, Probe):
        reason = found.reason or None
        return {"format": found.format, "reading": found.reading, "entries": found.entries, "reason": reason}
    if found is None:
        return {"format": None, "reading": "file", "entries": None, "reason": "no archive: shown as a file"}
    return {"format": None, "reading": None, "entries": None, "reason": str(found)}


def _lines(inspection: Inspection, traffic: Traffic) -> Iterator[str]:
    config, image = inspection.config, inspection.image
    yield str(inspection.reference)
    yield f"  digest     {inspection.descriptor.digest}"
    for platform, descriptor in inspection.offers:
        mark = "  (shown)" if descriptor.digest == image.digest else ""
        yield f"  platform   {platform or 'unknown'!s:<20} {descriptor.digest}{mark}"
    if not inspection.offers and config is not None and config.platform is not None:
        yield f"  platform   {config.platform}"
    if config is not None and config.created is not None:
        yield f"  created    {config.created:%Y-%m-%d %H:%M:%S} UTC"
    yield f"  size       {_human(_size(inspection))} in {_count(len(inspection.layers), 'layer')}"
    yield ""
    yield from _table(inspection.layers)
    yield ""
    yield f"This took {_count(traffic.requests, 'request')} and {_human(traffic.received)}."


def _table(layers: Sequence[tuple[Descriptor, Found]]) -> Iterator[str]:
    rows = [("layer", "size", "format", "file by file")]
    rows += [(str(number), _human(layer.size), *_words(layer, found)) for number, (layer, found) in enumerate(layers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _words(layer: Descriptor, found: Found) -> tuple[str, str]:
    """Format, and how it can be read."""
    if found is None:
        return layer.media_type[:60] or "unknown", "no: a file, not an archive"
    if not isinstance(found, Probe):
        return "unknown", f"no: {found}"
    more = found.reason or (_count(found.entries, "entry", "entries") if found.entries is not None else "")
    separator = ": " if found.reason else ", "
    return found.format, f"{_READINGS[found.reading]}{separator}{more}" if more else _READINGS[found.reading]


def _size(inspection: Inspection) -> int:
    return sum(layer.size for layer, _ in inspection.layers)


def _human(size: int) -> str:
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _printable(line: str) -> str:
    """What a manifest says comes from strangers: no control characters reach a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
