"""Directories stacked: the union of layers, with whiteouts and opaque directories.

Specification: OCI image-spec v1.1 `layer.md`, "Applying Changesets" and "Whiteouts". Immutable, for any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import NotFound
from crfs_dav.tree.node import Directory, Node, is_directory
from crfs_dav.tree.rebase import rebase
from crfs_dav.tree.whiteouts import OPAQUE, WHITEOUT_PREFIX, child_or_none, hides

_EMPTY = Entry("", Kind.DIR, mode=0o755, implied=True)  # root of an image without layers


def merge(layers: Sequence[Directory]) -> OverlayDirectory:
    """Root of the file system that the layers make, the lowest (base) first; links are nodes."""
    stack: list[Directory] = []
    for layer in layers:
        stack.insert(0, rebase(layer, OverlayDirectory(stack)) if stack else layer)
    return OverlayDirectory(stack)


class OverlayDirectory:
    """Several directories as one, the uppermost first."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        self._directories = tuple(directories)

    @cached_property
    def entry(self) -> Entry:
        """Of the uppermost directory that is listed in its archive, not just implied."""
        entries = [directory.entry for directory in self._directories] or [_EMPTY]
        return next((entry for entry in entries if not entry.implied), entries[0])

    def lookup(self, name: str) -> Node:
        """The uppermost child called `name`, or the union of them if they are directories; raises NotFound."""
        stack: list[Directory] = []
        if name.startswith(WHITEOUT_PREFIX):
            raise NotFound(f"directory: {name[:150]!r}; expected no whiteout")
        for directory in self._directories:
            node = child_or_none(directory, name)
            if node is not None:
                if not is_directory(node):
                    return OverlayDirectory(stack) if stack else node
                stack.append(node)
            if directory is not self._directories[-1] and hides(directory, name):
                break
        if not stack:
            raise NotFound(f"directory: no {name[:150]!r}; expected a name in one of its layers")
        return OverlayDirectory(stack)

    def children(self) -> Mapping[str, Node]:
        """Children of all the directories, less what upper ones hide of lower ones."""
        merged: dict[str, Node] = {}
        stacks: dict[str, list[Directory]] = {}
        closed: set[str] = set()  # names of which nothing lower shows
        for directory in self._directories:
            children = directory.children()
            for name, node in children.items():
                if name in closed or name.startswith(WHITEOUT_PREFIX):
                    continue
                if is_directory(node):
                    stacks.setdefault(name, []).append(node)
                else:
                    closed.add(name)
                    merged.setdefault(name, node)
            if OPAQUE in children:
                break
            closed.update(name.removeprefix(WHITEOUT_PREFIX) for name in children if name.startswith(WHITEOUT_PREFIX))
        return merged | {name: OverlayDirectory(stack) for name, stack in stacks.items()}
