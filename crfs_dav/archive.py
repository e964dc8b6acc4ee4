"""What a layer says about its files: `Entry`, `Kind`, `Archive`. What it looks like as a tree is said in `tree`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import islice
from math import floor
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from crfs_dav.names import Digest
from crfs_dav.readers import ReaderAt

OUTLINED = 1024  # entries that are told of at once
EMPTY: Mapping[str, bytes] = MappingProxyType({})
MIME_TYPE_XATTR = "user.mime_type"
"""Attribute that says a file's media type (freedesktop.org, "Common Extended Attributes")."""


class Kind(Enum):
    """What an entry is, in the TOC's own words (estargz.md, "TOC")."""

    DIR = "dir"
    REG = "reg"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    CHAR = "char"
    BLOCK = "block"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that an archive lists, as stored.

    Names are text in which bytes that are not UTF-8 stand as lone surrogates (PEP 383, `surrogateescape`).
    """

    name: str
    kind: Kind
    size: int = 0  # bytes; 0 for all kinds but reg
    mode: int = 0  # permission bits and setuid, setgid, sticky: at most 0o7777
    uid: int = 0
    gid: int = 0
    user_name: str = ""
    group_name: str = ""
    mtime: datetime | None = None  # aware, UTC; None where the archive says nothing
    link_name: str = ""  # target of a symlink or hardlink, as stored
    digest: Digest | None = None  # of the whole content of a reg, where known
    xattrs: Mapping[str, bytes] = field(default_factory=lambda: EMPTY)
    implied: bool = False  # a directory that the archive does not list, only paths below it


class Outline(NamedTuple):
    """What a tree is built from, of some entries: one value of each kind for every entry, in their order."""

    names: Sequence[str]
    kinds: Sequence[Kind]


def outlined(entries: Iterable[tuple[str, Kind]]) -> Iterator[Outline]:
    """The outline of entries whose names and kinds come one by one."""
    following = iter(entries)
    while some := list(islice(following, OUTLINED)):
        yield Outline(*zip(*some, strict=True))


class Stat(NamedTuple):
    """The part of an entry that listings show, at a fifth of its cost."""

    size: int
    mode: int
    seconds: int | None  # of the mtime, since 1970, rounded down
    digest: str  # of the whole content, `""` where it is not known
    xattrs: Mapping[str, bytes]


def stat_of(entry: Entry) -> Stat:
    """What listings show of `entry`."""
    seconds = None if entry.mtime is None else floor(entry.mtime.timestamp())
    return Stat(entry.size, entry.mode, seconds, str(entry.digest or ""), entry.xattrs)


@runtime_checkable
class ReadThrough(Protocol):
    """An archive that was read through once, from its start to its end."""

    @property
    def diff_id(self) -> Digest | None:
        """Digest of the uncompressed tar (OCI image-spec `config.md`, "Layer DiffID"), where it was worked out."""
        ...


@runtime_checkable
class Recognised(Protocol):
    """An archive whose outline is known from before, or will be known again."""

    @property
    def outline_id(self) -> str:
        """What tells its outline from any other of the layer: equal ones have the same. `""`: nothing vouches for it.

        So what is made of the outline alone may be kept, beside what the outline itself is kept in.
        """
        ...


class Archive(Protocol):
    """Entries and contents of one layer; immutable, for any thread.

    `entries` may make each `Entry` when asked for it. A content is asked for by *position* in `entries`, not
    by name: archives hold duplicate names, and each duplicate has content of its own.
    """

    @property
    def entries(self) -> Sequence[Entry]:
        """Entries in archive order, names as stored, hard links as such."""
        ...

    def outline(self) -> Iterator[Outline]:
        """Names and kinds in the order of `entries`, some at a time, without making the entries."""
        ...

    def stat(self, position: int) -> Stat:
        """The same as of `entries[position]`, without making the entry."""
        ...

    def open(self, position: int) -> ReaderAt:
        """Verified content of the reg at `position`; raises Corrupt where its chunks make no sense."""
        ...
