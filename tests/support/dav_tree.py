"""Files and directories of any entry, and such that fail: what literals cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from crfs_dav.archive import Entry, Kind
from crfs_dav.errors import CrfsError, NotFound
from crfs_dav.tree.node import Node
from crfs_dav.tree.static import StaticDirectory

MTIME = datetime(2024, 5, 6, 7, 8, 9, 654321, tzinfo=UTC)
HTTP_MTIME = "Mon, 06 May 2024 07:08:09 GMT"
NO_CHILDREN: Mapping[str, Node] = {}

# Every kind of name that webdav-clients.md section 12 warns of, as bytes in a tar file could spell it.
ODD_NAMES = (
    "plain.txt",
    "two words",
    "100%",
    "x%20y",
    "x%2Fy",
    "x%252fy",
    "#hash",
    "question?",
    "a&b;c=d+e,f@g:h$i!j'k(l)*m~n",
    "libc6:amd64.list",
    'pipe|[]{}^`"\\<>',
    "tab\there",
    "line\nbreak",
    "bell\x07\x1b\x7f",
    "ü-nfc",
    "日本語 🐳",
    "latin1-\udcfc\udcff",
    "\ufffe\uffff",
    "<script>alert(1)",
    "-.mount",
    "...",
    "con.txt",
    "ends.",
    "Foo",
    "foo",
    "x" * 255,
)


class TreeFile:
    """A file of given bytes and any entry, which remembers what was read of it."""

    def __init__(self, data: bytes = b"", **entry: Any) -> None:
        self.data = data
        self.entry = replace(Entry("", Kind.REG, size=len(data), mode=0o644, mtime=MTIME), **entry)
        self.content_id = f"test.{crc32(data)}"
        self.reads: list[tuple[int, int]] = []

    def open(self) -> TreeFile:
        """Itself: it can be read."""
        return self

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return len(self.data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`."""
        self.reads.append((offset, size))
        return self.data[offset : offset + size]


class FailingFile(TreeFile):
    """A file that cannot be read from some offset on."""

    def __init__(self, data: bytes, error: Exception, *, at: int = 0) -> None:
        super().__init__(data)
        self._error = error
        self._at = at

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes before the bad offset; raises the error for all others."""
        if offset + size > self._at:
            raise self._error
        return super().read_at(offset, size)


class ShortFile(TreeFile):
    """A file that breaks its promise: its content ends before its size."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data, size=size)


class FailingDirectory:
    """A directory that can neither be listed nor asked; it remembers that it was."""

    def __init__(self, error: Exception) -> None:
        self.entry = Entry("", Kind.DIR, mode=0o755, mtime=MTIME)
        self.error = error
        self.asked = 0

    def lookup(self, name: str) -> Node:
        """Raises."""
        self.asked += 1
        raise self.error

    def children(self) -> Mapping[str, Node]:
        """Raises."""
        self.asked += 1
        raise self.error


class BreakingDirectory(StaticDirectory):
    """A directory whose listing begins well and ends in an error."""

    def __init__(self, children: Mapping[str, Node], error: Exception) -> None:
        super().__init__({**children, "~last": _Unknowable(error)})


class _Unknowable:
    def __init__(self, error: Exception) -> None:
        self._error = error

    @property
    def entry(self) -> Entry:
        """Raises."""
        raise self._error


class UnlistedDirectory(StaticDirectory):
    """A directory that knows more names than it lists, as a registry does."""

    def children(self) -> Mapping[str, Node]:
        """Nothing."""
        return {}


def directory(children: Mapping[str, Node] = NO_CHILDREN, **more: Node) -> StaticDirectory:
    """A directory with children by name, or by keyword where the name allows it."""
    return StaticDirectory({**children, **more}, mtime=MTIME)


def odd_directory() -> StaticDirectory:
    """A directory with a file of each odd name; each holds its own name's bytes."""
    files = {name: TreeFile(name.encode("utf-8", "surrogateescape")) for name in ODD_NAMES}
    return StaticDirectory(files, mtime=MTIME)


def not_there() -> CrfsError:
    """The error of what is not there."""
    return NotFound("test: nothing; expected something")
