"""Names on the wire: request paths to names, names to hrefs, and the walk that forgives other spellings.

Names are text with `surrogateescape` for bytes that are not UTF-8; an href is made of the same bytes again, so any
name survives the round trip. Specifications: RFC 3986 section 2 (percent-encoding), PEP 3333 (`PATH_INFO` is bytes
read as latin-1), RFC 4918 section 8.3 (hrefs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import quote_from_bytes, unquote_to_bytes

from crfs_dav.dav.windows import unspell
from crfs_dav.errors import BadName, NotFound, Underway
from crfs_dav.tree.node import Directory, Node, is_directory

_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")
_CLEAN_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*")
_NO_NAMES = frozenset({"", ".", ".."})


class Path(NamedTuple):
    """A request path: the names from the root down, and whether it ends in a slash (the root's always does)."""

    names: tuple[str, ...]
    has_slash: bool


def quote(name: str) -> str:
    """One href segment: all but RFC 3986's unreserved characters as `%XX` of their bytes.

    Stricter than the grammar asks: neon drops a raw `|` or `[`, macOS trips over `&amp;`, Java over much more.
    """
    if _UNRESERVED.fullmatch(name):
        return name
    return quote_from_bytes(name.encode("utf-8", "surrogateescape"), safe="")


def parse_path(path_info: str) -> Path:
    """Names of a request's `PATH_INFO`; raises NotFound for what no tree holds: empty names, `.`, `..`, NUL."""
    try:
        text = path_info.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise NotFound(f"path: {path_info[:150]!r}; expected bytes read as latin-1") from None
    body = text.removeprefix("/")
    has_slash = not body or body.endswith("/")
    names = tuple(body.removesuffix("/").split("/")) if body else ()
    if "\0" in text or not _NO_NAMES.isdisjoint(names):
        raise NotFound(f"path: {text[:150]!r}; expected names between single slashes")
    return Path(names, has_slash)


def href(mount: str, names: Sequence[str]) -> str:
    """Absolute path of the resource called `names`, without a trailing slash; `""` for the root of an app at `/`.

    `mount` is WSGI's `SCRIPT_NAME`, so that hrefs stay in the path space of the request.
    """
    prefix = quote_from_bytes(mount.rstrip("/").encode("latin-1"), safe="/") if mount else ""
    return "".join([prefix, *("/" + quote(name) for name in names)])


def href_as_asked(target: str, path: str) -> str:
    """The href `path` as the request's `target` spells it, if that spelling is clean; else `path` itself.

    neon (cadaver, davfs2) compares hrefs with its request character by character: `:` and `%3A` are two.
    """
    asked = target.partition("?")[0].rstrip("/")
    same = _CLEAN_PATH.fullmatch(asked) and unquote_to_bytes(asked) == unquote_to_bytes(path)
    return asked if same else path


def spellings(name: str) -> Iterator[str]:
    """What a client may mean by `name`, the likeliest first: the exact name, other Unicode forms, Windows's spelling.

    Finder asks in NFD for what is stored in NFC.
    """
    yield name
    if not name.isascii():
        yield from (form for form in (normalize("NFC", name), normalize("NFD", name)) if form != name)
        yield from _meant_by_windows(name)


def windows_spellings(name: str) -> Iterator[str]:
    """The same for a client that was given Windows's spellings in the first place: they go before exact names."""
    yield from _meant_by_windows(name)
    yield name


def find(root: Directory, names: Sequence[str], spellings: Callable[[str], Iterable[str]] = spellings) -> Node:
    """Node called `names`, in one of their spellings, from `root` down; raises NotFound, and what the tree raises."""
    node: Node = root
    for depth, name in enumerate(names):
        if not is_directory(node):
            raise NotFound(f"path: {name[:150]!r} below a file; expected a directory above it")
        try:
            # Names in ASCII have one spelling, for everybody.
            node = node.lookup(name) if name.isascii() else _child(node, spellings(name))
        except Underway as error:
            raise error.below(names[depth:]) from None
    return node


def _child(directory: Directory, spellings: Iterable[str]) -> Node:
    """The child with the first of `spellings` that is there; the error of the first where none is."""
    missing: NotFound | BadName | None = None
    for spelling in spellings:
        try:
            return directory.lookup(spelling)
        except (NotFound, BadName) as error:
            missing = missing or error
    raise missing or NotFound("path: no spelling; expected one")


def _meant_by_windows(name: str) -> Iterator[str]:
    meant = None if name.isascii() else unspell(name)
    if meant is not None:
        yield meant
