"""A layer as it unpacks on top of lower ones: what its own archive leaves open, the tree below it decides.

Two things are open: hard links to files of lower layers, and directories that the layer only implies and that are
symlinks below (`lib/x` over a base with `lib -> usr/lib`): an unpacker writes through those and keeps the link.
"""

from __future__ import annotations

import logging

from crfs_dav.archive import Kind
from crfs_dav.errors import NotFound
from crfs_dav.tree.layer import LayerTree
from crfs_dav.tree.node import Directory, Node, is_directory
from crfs_dav.tree.resolve import Place, resolve
from crfs_dav.tree.skeleton import Path
from crfs_dav.tree.whiteouts import child_or_none, hides

_ROUNDS = 8  # links on one path that are followed; each costs building the tree once more

_log = logging.getLogger(__name__)


def rebase(layer: Directory, lower: Directory) -> Directory:
    """`layer` with what `lower` decides filled in; the layer itself, unchanged, if there is nothing."""
    if not isinstance(layer, LayerTree):
        return layer
    tree, links = layer, dict[Path, str]()
    for _ in range(_ROUNDS):
        found = _links_below(tree, lower)
        if found.keys() <= links.keys():
            break
        links |= found
        tree = layer.written_through(links)
    return tree.borrowing(_lower_nodes(tree, lower)) if tree.unresolved_links() else tree


def _links_below(layer: LayerTree, lower: Directory) -> dict[Path, str]:
    """Path of each implied directory of `layer` that is a symlink in `lower`, and that link's target."""
    links: dict[Path, str] = {}
    levels: dict[Path, tuple[Directory, Directory]] = {(): (layer, lower)}
    for path in layer.implied_directories():
        above, name = levels.get(path[:-1]), path[-1]
        if above is None or hides(above[0], name):
            continue
        upper, node = above[0].lookup(name), child_or_none(above[1], name)
        if node is None or not is_directory(upper):
            continue
        if is_directory(node):
            levels[path] = (upper, node)
        elif upper.entry.implied and node.entry.kind is Kind.SYMLINK:
            links[path] = node.entry.link_name
    return links


def _lower_nodes(layer: LayerTree, lower: Directory) -> dict[int, Node]:
    """What the hard links without a target in `layer` lead to in `lower`, as far as they do."""
    found: dict[int, Node] = {}
    root = Place(lower)
    for row, path in layer.unresolved_links().items():
        node = _hard_link_target(root, path)
        if node is not None:
            found[row] = node
    lost = len(layer.unresolved_links()) - len(found)
    if lost:
        _log.warning("layer %s: %d hard links hidden: no target in it or below it", layer.layer_id, lost)
    return found


def _hard_link_target(root: Place, path: Path) -> Node | None:
    """The node at `path`, symlinks followed but for the last component; None for directories and nothing."""
    try:
        place = resolve(root, "/" + "/".join(path[:-1]))
    except NotFound:
        return None
    node = child_or_none(place.directory, path[-1]) if isinstance(place, Place) else None
    if node is None or is_directory(node) or node.entry.kind is Kind.HARDLINK:
        return None
    return node
