"""Trees as values: what a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crfs_dav.tree.layer import LayerTree, build_tree
from crfs_dav.tree.links import follow_links
from crfs_dav.tree.node import Directory, Node, is_directory
from tests.support.memory_archive import Item, archive_of


def layer(*items: Item, layer_id: str = "layer") -> LayerTree:
    return build_tree(archive_of(*items), layer_id)


def followed(root: Directory, **options: Any) -> Directory:
    return follow_links(root, tree_id="tree", **options)


def content(node: Any) -> bytes:
    reader = node.open()
    assert reader.size == node.entry.size
    data: bytes = reader.read_at(0, reader.size)
    return data


def listed(root: Directory) -> dict[str, str]:
    """Every path below `root`: "dir", "-> target", the text of a file, or the kind of anything else."""
    return {path: _shown(node) for path, node in paths(root)}


def paths(root: Directory, above: str = "") -> Iterator[tuple[str, Node]]:
    for name, node in root.children().items():
        yield above + name, node
        if is_directory(node):
            yield from paths(node, f"{above}{name}/")


def _shown(node: Node) -> str:
    if is_directory(node):
        return "dir"
    if hasattr(node, "open"):
        return content(node).decode()
    return f"-> {node.entry.link_name}" if node.entry.kind.value == "symlink" else node.entry.kind.value
