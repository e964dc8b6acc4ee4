"""Directories and files made of literals: what the server shows that no archive holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import NotFound
from crfs_dav.names import digest_of
from crfs_dav.readers import BytesReader, ReaderAt
from crfs_dav.tree.node import Node


class StaticDirectory:
    """A directory of given children."""

    def __init__(self, children: Mapping[str, Node], *, mtime: datetime | None = None) -> None:
        self._children = MappingProxyType(dict(children))
        self._entry = Entry("", Kind.DIR, mode=0o755, mtime=mtime)

    @property
    def entry(self) -> Entry:
        """A directory that all may read, its name left to its parent."""
        return self._entry

    def lookup(self, name: str) -> Node:
        """Child called `name`; raises NotFound."""
        try:
            return self._children[name]
        except KeyError:
            raise NotFound(f"directory: no {name[:150]!r}; expected one of its {len(self._children)} names") from None

    def children(self) -> Mapping[str, Node]:
        """The children given, in their order."""
        return self._children


class StaticFile:
    """A file of given bytes."""

    def __init__(self, data: bytes, *, mtime: datetime | None = None) -> None:
        self._data = data
        self._entry = Entry("", Kind.REG, size=len(data), mode=0o644, mtime=mtime, digest=digest_of(data))

    @property
    def entry(self) -> Entry:
        """A file that all may read, its name left to its parent."""
        return self._entry

    @property
    def content_id(self) -> str:
        """The digest of the bytes."""
        return str(self._entry.digest)

    def open(self) -> ReaderAt:
        """The bytes."""
        return BytesReader(self._data)
