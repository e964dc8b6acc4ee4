"""What a directory says of itself to people: facts and tables of plain values, for whoever shows them.

A directory that has something to say has `description`; nobody needs to know what kind of thing stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from crfs_dav.archive import Entry
from crfs_dav.tree.node import Directory, Node


class Child(NamedTuple):
    """A child directory of the one described, by name, and what to call it."""

    name: str
    text: str


Value = str | int | datetime | Child
"""Text, a count of bytes, a time, or a way down."""


class Fact(NamedTuple):
    """One thing that is known, with one value or several; `is_code` for what is typed, not read."""

    name: str
    values: tuple[Value, ...]
    is_code: bool = False


class Column(NamedTuple):
    """Head of a table's column."""

    title: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of values, None where one has nothing to say; `is_aside` for what few people look for."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value | None, ...], ...]
    is_aside: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """A directory in words."""

    title: str
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()


@runtime_checkable
class Described(Protocol):
    """A node that may have something to say; asking it may cost requests."""

    def description(self) -> Description | None:
        """What there is to say; raises what the tree raises."""
        ...


def description_of(node: Node) -> Description | None:
    """What `node` says of itself; None where that is nothing."""
    return node.description() if isinstance(node, Described) else None


class DescribedDirectory:
    """A directory, and words for it that are found when asked for."""

    def __init__(self, directory: Directory, describe: Callable[[], Description]) -> None:
        self._directory = directory
        self._describe = describe

    @property
    def entry(self) -> Entry:
        """That of the directory."""
        return self._directory.entry

    def lookup(self, name: str) -> Node:
        """Child called `name`; raises NotFound."""
        return self._directory.lookup(name)

    def children(self) -> Mapping[str, Node]:
        """Those of the directory."""
        return self._directory.children()

    def description(self) -> Description | None:
        """The words for it."""
        return self._describe()
