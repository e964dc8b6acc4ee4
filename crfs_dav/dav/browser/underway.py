"""What is still being read through, as a page: how far it is, what came by so far. It loads itself again until done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from crfs_dav.dav.browser.icons import icon
from crfs_dav.dav.browser.layout import Crumb, layout
from crfs_dav.dav.browser.style import PAGE_HEADERS
from crfs_dav.dav.browser.texts import natural_key, shown
from crfs_dav.dav.names import href, quote
from crfs_dav.dav.response import Response, listing_response
from crfs_dav.errors import Underway

_TITLE = "Being read for the first time"
_NAMES_SHOWN = 1000
_HINT = (
    "This layer has no table of contents, so it is read through once, from its start to its end, and then kept. "
    "This page loads itself again until that is done."
)
_INCOMPLETE = "What came by so far. This is not all, nothing of it is checked yet, and files open once all is."


def underway_page(response: Response, error: Underway, mount: str, *, names: Sequence[str]) -> Response:
    """The same answer as `response`, to a question for `names` that ended in `error`, with a page for its body."""
    kept = [header for header in response.headers if header[0] not in ("Content-Type", "Content-Length")]
    again = [("Refresh", value) for name, value in kept if name == "Retry-After"]
    crumbs = [Crumb(f"{href(mount, names[:depth])}/", name) for depth, name in enumerate(["", *names])]
    texts = layout(crumbs, _TITLE, _main(error, f"{href(mount, names)}/"))
    return listing_response(response.status, texts, *kept, *again, *PAGE_HEADERS, ("Vary", "Accept"))


def _main(error: Underway, here: str) -> Iterator[str]:
    yield f'<section class="card"><p class="said" role="status">{shown(error.progress)}</p>'
    yield f'<p class="note">{_HINT}</p></section>\n'
    names = sorted(error.names_in(()), key=lambda name: (not name.endswith("/"), natural_key(name)))
    if not names:
        return
    yield '<section class="card flat" id="contents" aria-label="Seen so far"><table>\n'
    yield '<thead><tr><th scope="col">Seen so far</th></tr></thead>\n<tbody>\n'
    yield from (_row(name, here) for name in names[:_NAMES_SHOWN])
    yield "</tbody></table></section>\n"
    further = f" {len(names) - _NAMES_SHOWN:,} more came by." if len(names) > _NAMES_SHOWN else ""
    yield f'<p class="note">{_INCOMPLETE}{further}</p>\n'


def _row(name: str, here: str) -> str:
    base = name.removesuffix("/")
    if base == name:
        return f'<tr><td class="name">{icon("file")}<bdi>{shown(name)}</bdi></td></tr>\n'
    link = escape(f"{here}{quote(base)}/")
    return f'<tr><td class="name"><a href="{link}">{icon("dir")}<span><bdi>{shown(base)}</bdi>/</span></a></td></tr>\n'
