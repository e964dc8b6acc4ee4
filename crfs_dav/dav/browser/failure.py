"""A refusal as a page, for those who asked with a browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from crfs_dav.dav.browser.layout import Crumb, layout
from crfs_dav.dav.browser.style import PAGE_HEADERS
from crfs_dav.dav.browser.texts import shown
from crfs_dav.dav.names import href
from crfs_dav.dav.response import Response, listing_response

_HINTS = {
    "403": "A private image needs credentials in the server's configuration; an open server reaches only the "
    "registries that its configuration names.",
    "404": "Check the spelling. An image is /images/REGISTRY/OWNER/IMAGE/TAG/, and on Docker Hub an official one is "
    "/images/docker.io/library/NAME/TAG/.",
    "502": "What came does not fit its digest or its format. Trying again rarely helps; the server's log says more.",
    "503": "The registry did not answer in time, or asks for patience. Reload the page in a moment.",
}


def failure_page(response: Response, mount: str, names: Sequence[str]) -> Response:
    """The same answer as `response`, one line of plain text, with a page for its body; `names` are those asked for.

    Its links are absolute paths: it may stand at any depth, with or without a slash.
    """
    number, _, phrase = response.status.partition(" ")
    sentence = b"".join(response.body).decode().strip()
    kept = [header for header in response.headers if header[0] not in ("Content-Type", "Content-Length")]
    above, root = f"{href(mount, names[:-1])}/", f"{href(mount, ())}/"
    sentences = [sentence, "/".join(["", *names])] if names else [sentence]
    texts = layout([Crumb(root, "")], phrase, _main(number, sentences, above))
    return listing_response(response.status, texts, *kept, *PAGE_HEADERS, ("Vary", "Accept"))


def _main(number: str, sentences: Sequence[str], above: str) -> Iterator[str]:
    yield f'<section class="card"><p class="status">{escape(number)}</p>'
    yield from (f'<p class="said">{shown(sentence)}</p>' for sentence in sentences)
    if number in _HINTS:
        yield f'<p class="note">{_HINTS[number]}</p>'
    yield f'<p class="bar"><a class="button" href="{escape(above)}">One level up</a></p></section>\n'
