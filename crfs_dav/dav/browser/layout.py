"""What all pages have in common: head, way up, foot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from crfs_dav.dav.browser.icons import SPRITE, icon
from crfs_dav.dav.browser.style import ICON, STYLE
from crfs_dav.dav.browser.texts import shown


class Crumb(NamedTuple):
    """A step of the way from the root to the page: where its link leads, and its name."""

    href: str
    name: str


def collection_crumbs(names: Sequence[str]) -> list[Crumb]:
    """The way to the collection called `names`, relative to its path, which ends in a slash."""
    depth = len(names)
    return [Crumb("../" * (depth - position) or "./", name) for position, name in enumerate(["", *names])]


def file_crumbs(names: Sequence[str]) -> list[Crumb]:
    """The way to the page of the file called `names`, relative to the file's path."""
    return [*collection_crumbs(names[:-1]), Crumb("?preview", names[-1])]


def layout(crumbs: Sequence[Crumb], title: str, main: Iterable[str]) -> Iterator[str]:
    """The page at the end of `crumbs`, the first of which is the root's, in pieces; `title` is a name."""
    head = "/".join(shown(crumb.name) for crumb in crumbs) or shown(title)
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{head} – crfs-dav</title><link rel="icon" href="{ICON}"><style>{STYLE}</style></head>\n'
        f'<body>{SPRITE}<header><a class="skip" href="#main">Skip to content</a>'
        f'<nav aria-label="Path"><ol class="path">{"".join(_items(crumbs))}</ol></nav></header>\n'
        f'<main id="main"><h1><bdi>{shown(title)}</bdi></h1>\n'
    )
    yield from main
    yield "</main>\n<footer>Read-only, straight from the registry. All times are UTC.</footer></body></html>\n"


def _items(crumbs: Sequence[Crumb]) -> Iterator[str]:
    root, *others = crumbs
    yield f'<li><a class="home" href="{escape(root.href)}">{icon("home")}crfs-dav</a></li>'
    for crumb in others:
        current = ' aria-current="page"' if crumb is crumbs[-1] else ""
        yield f'<li><a href="{escape(crumb.href)}"{current}><bdi>{shown(crumb.name)}</bdi></a></li>'
