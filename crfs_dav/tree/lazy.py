"""Nodes that stand for something not opened yet: known by name, opened when somebody looks inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crfs_dav.archive import Entry, Kind
from crfs_dav.readers import ReaderAt
from crfs_dav.tree.described import Description, description_of
from crfs_dav.tree.node import Directory, Node

_DIRECTORY = Entry("", Kind.DIR, mode=0o755)


class LazyDirectory:
    """A directory opened at each look inside: `open_directory` keeps what is worth keeping."""

    def __init__(self, open_directory: Callable[[], Directory]) -> None:
        self._open_directory = open_directory
        self.entry = _DIRECTORY

    def lookup(self, name: str) -> Node:
        """Child called `name`; raises NotFound, or whatever opening raises."""
        return self._open_directory().lookup(name)

    def children(self) -> Mapping[str, Node]:
        """Children by name; raises whatever opening raises."""
        return self._open_directory().children()

    def description(self) -> Description | None:
        """What the directory says of itself; raises whatever opening raises."""
        return description_of(self._open_directory())


class LazyFile:
    """A file whose entry is known, and whose content is fetched when opened."""

    def __init__(self, entry: Entry, content_id: str, open_content: Callable[[], ReaderAt]) -> None:
        self.entry = entry
        self.content_id = content_id
        self._open_content = open_content

    def open(self) -> ReaderAt:
        """The content; raises whatever fetching raises."""
        return self._open_content()
