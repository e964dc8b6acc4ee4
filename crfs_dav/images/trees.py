"""Trees of layers that outlive the process: their shapes, kept as files beside the columns that they were built of.

A tree is a pure function of its archive's outline. It is kept where that is, and by what tells that one from any
other; so it is believed by nobody who would not believe the outline. For any thread.
"""

from __future__ import annotations

import logging

from crfs_dav.archive import Archive, Recognised
from crfs_dav.errors import Corrupt
from crfs_dav.formats.columnstore import FileStore, NoFiles
from crfs_dav.formats.partsfile import dump_parts, load_parts
from crfs_dav.names import Digest
from crfs_dav.tree.layer import LayerTree, build_tree, tree_of
from crfs_dav.tree.skeleton import Skeleton
from crfs_dav.tree.skeletonparts import PART_TYPES, dump_skeleton, load_skeleton

_log = logging.getLogger(__name__)

_VERSION = "tree-1"  # to be raised with every change of what an archive looks like


class TreeStore:
    """Trees, of `files` or built and kept there."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    def tree(self, layer: Digest, archive: Archive) -> LayerTree:
        """The archive's tree."""
        outline_id = archive.outline_id if isinstance(archive, Recognised) else ""
        if not outline_id:
            return build_tree(archive, str(layer))
        key = f"{layer}/{_VERSION}.{outline_id}"
        skeleton = self._load(key, len(archive.entries))
        if skeleton is not None:
            return tree_of(archive, str(layer), skeleton)
        tree = build_tree(archive, str(layer))
        self._files.put(key, list(dump_parts(dump_skeleton(tree.skeleton), {}, key)))
        return tree

    def _load(self, key: str, entry_count: int) -> Skeleton | None:
        """The shape kept under `key`; None where there is none, or no sound one, which is removed."""
        data = self._files.get(key)
        if data is None:
            return None
        try:
            file = load_parts(data, key)
            return load_skeleton({name: file.part(name, kind) for name, kind in PART_TYPES.items()}, entry_count)
        except Corrupt as error:
            _log.warning("tree %s: %s; building it again", key, error)
            self._files.discard(key)
            return None


NOT_KEPT = TreeStore(NoFiles())
