"""Where a conversion reads and writes, as people spell it: a reference, `oci:DIR[:REF]` or `file:NAME`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from crfs_dav.errors import BadName
from crfs_dav.names import Reference, parse_reference

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.zst")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")


@dataclass(frozen=True, slots=True)
class LayoutPlace:
    """An image in an OCI image layout; `ref` None: the one that goes without saying."""

    folder: Path
    ref: str | None


@dataclass(frozen=True, slots=True)
class FilePlace:
    """One layer as a file."""

    path: Path


Place = Reference | LayoutPlace | FilePlace


def parse_place(text: str) -> Place:
    """The place that `text` spells; raises BadName."""
    kind, separator, rest = text.partition(":")
    if separator and kind == "oci":
        return _layout_place(rest)
    if separator and kind == "file":
        if not rest:
            raise BadName("file: nothing; expected the name of a file")
        return FilePlace(Path(rest))
    if rest.startswith("//"):
        raise BadName(f"{text[:150]!r}: a URL; expected a reference like 127.0.0.1:5000/my/ubuntu:18.04")
    return parse_reference(text)


def check_pair(source: Place, destination: Place) -> None:
    """Nothing, if the one can be converted to the other; raises BadName."""
    if isinstance(source, FilePlace) != isinstance(destination, FilePlace):
        raise BadName("file: on one side only; expected it on both, or an image on both")
    if isinstance(source, FilePlace) and not source.path.name.endswith(TAR_SUFFIXES):
        raise BadName(f"file:{source.path}: expected a name that ends in {', '.join(TAR_SUFFIXES)}")
    if isinstance(destination, FilePlace) and destination == source:
        raise BadName(f"file:{destination.path}: source and destination; expected two files")
    if isinstance(destination, Reference) and destination.tag is None:
        raise BadName(f"{destination}: a digest; expected a tag to write to")


def _layout_place(text: str) -> LayoutPlace:
    folder, separator, ref = text.rpartition(":")
    if not separator or "/" in ref or "\\" in ref:  # a colon of the path: C:\images
        folder, ref = text, ""
    if not folder:
        raise BadName(f"oci:{text}: no folder; expected oci:DIR or oci:DIR:REF")
    if separator and ref and not _REF.fullmatch(ref):
        raise BadName(f"oci:{text[:150]}: {ref!r}; expected letters, digits, '_', '.', '+', '-' as its name")
    return LayoutPlace(Path(folder), ref or None)
