"""A tree of which something is missing: what is there is shown, of all else nobody can say whether it is there."""

from __future__ import annotations

from collections.abc import Mapping

from crfs_dav.archive import Entry
from crfs_dav.errors import Corrupt, NotFound
from crfs_dav.namespace.probes import is_probe
from crfs_dav.tree.node import Directory, Node, is_directory

_NOTHING: Mapping[str, Node] = {}


class IncompleteDirectory:
    """A directory that answers "cannot be read" where a whole one answers "not found", and so do those below it.

    `why` says what is missing; `notes` are files that say so too, unless the directory has such names itself. It has
    no `tree_id`: what is missing now may be there later.
    """

    def __init__(self, directory: Directory, why: str, notes: Mapping[str, Node] = _NOTHING) -> None:
        self._directory = directory
        self._why = why
        self._notes = notes

    @property
    def entry(self) -> Entry:
        """That of the directory."""
        return self._directory.entry

    def lookup(self, name: str) -> Node:
        """Child called `name`; raises Corrupt where it is not known, NotFound where nobody but a system asks."""
        try:
            return self._incomplete(self._directory.lookup(name))
        except NotFound as error:
            note = self._notes.get(name)
            if note is not None:
                return note
            if is_probe(name):
                raise
            raise Corrupt(f"{error}; it may be in what is missing: {self._why}") from None

    def children(self) -> Mapping[str, Node]:
        """Those of the directory, and the notes."""
        children = {name: self._incomplete(node) for name, node in self._directory.children().items()}
        return {**self._notes, **children}

    def _incomplete(self, node: Node) -> Node:
        return IncompleteDirectory(node, self._why) if is_directory(node) else node
