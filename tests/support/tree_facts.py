"""An image of an OCI layout as our reader and our merge see it, in the same words as what lies unpacked on disk."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crfs_dav.archive import Entry, Kind
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.layout import LayoutSource
from crfs_dav.oci import Manifest, parse_manifest
from crfs_dav.tree.layer import build_tree
from crfs_dav.tree.node import is_directory
from crfs_dav.tree.overlay import merge
from tests.support.disk import DiskFacts
from tests.support.recording import DictStore
from tests.support.trees import paths

_TYPES = {
    Kind.DIR: stat.S_IFDIR,
    Kind.REG: stat.S_IFREG,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.CHAR: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
    Kind.FIFO: stat.S_IFIFO,
}


def tree_facts(layout: Path, ref: str) -> Mapping[str, DiskFacts]:
    """Everything in the image; its layers must be of kinds that are read by a table of contents."""
    source = LayoutSource(layout, ref)
    manifest = parse_manifest(source.manifest(source.root()))
    assert isinstance(manifest, Manifest)
    trees = []
    for layer in manifest.layers:
        archive = open_archive(source.blob(layer), layer, Means(DictStore()))
        assert archive is not None
        trees.append(build_tree(archive, str(layer.digest)))
    return {path: _facts(node) for path, node in paths(merge(trees))}


def as_a_tree_tells(facts: Mapping[str, DiskFacts]) -> Mapping[str, DiskFacts]:
    """What is on disk without what no entry says: devices' numbers, and which files are one."""
    return {path: replace(each, device=0, links=()) for path, each in facts.items()}


def _facts(node: Any) -> DiskFacts:
    entry: Entry = node.entry
    content = node.open().read_at(0, entry.size) if entry.kind is Kind.REG else b""
    is_dated = entry.mtime is not None and not is_directory(node)
    return DiskFacts(
        _TYPES[entry.kind] | entry.mode,
        (entry.uid, entry.gid),
        len(content),
        hashlib.sha256(content).hexdigest() if entry.kind is Kind.REG else "",
        round(entry.mtime.timestamp()) if is_dated and entry.mtime else 0,
        entry.link_name if entry.kind is Kind.SYMLINK else "",
        xattrs=tuple(sorted(entry.xattrs.items())),
    )
