"""How one layer's directory hides names of the layers below it (OCI image-spec v1.1 `layer.md`, "Whiteouts")."""

from __future__ import annotations

from crfs_dav.errors import NotFound
from crfs_dav.tree.node import Directory, Node

WHITEOUT_PREFIX = ".wh."
OPAQUE = ".wh..wh..opq"


def hides(directory: Directory, name: str) -> bool:
    """True if `directory` hides lower layers' `name`, whether or not it has a `name` of its own."""
    return child_or_none(directory, WHITEOUT_PREFIX + name) is not None or child_or_none(directory, OPAQUE) is not None


def child_or_none(directory: Directory, name: str) -> Node | None:
    """Child called `name`, or None."""
    try:
        return directory.lookup(name)
    except NotFound:
        return None
