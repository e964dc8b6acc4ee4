"""Nodes as WsgiDAV's resources: a directory is a collection, all else is content.

WsgiDAV's own questions (`get_etag`, `get_content`, …) are answered as its documentation asks, for middleware that may
put them; our answers to requests come from `get`, `head` and `members`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from wsgidav.dav_provider import DAVCollection, DAVNonCollection

from crfs_dav.archive import Kind
from crfs_dav.dav.browser.listing import listing_page
from crfs_dav.dav.browser.preview import preview_page
from crfs_dav.dav.browser.style import PAGE_HEADERS
from crfs_dav.dav.content import get_file, head_file
from crfs_dav.dav.dates import seconds_of
from crfs_dav.dav.media_types import media_type
from crfs_dav.dav.names import Path, find, href, quote
from crfs_dav.dav.request import Request
from crfs_dav.dav.response import Response, listing_response
from crfs_dav.errors import NotFound
from crfs_dav.readers import ReaderIO
from crfs_dav.tree.described import description_of
from crfs_dav.tree.node import Directory, File, Node

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_BUFFER = 256 << 10


class Resource(DAVNonCollection):
    """A file."""

    def __init__(self, environ: WSGIEnvironment, path: Path, node: File) -> None:
        super().__init__("/" + "/".join(path.names), environ)
        self.node = node
        self.names = path.names

    def get(self, request: Request) -> Response:
        """Answer to a GET: content, or what the request's conditions ask for instead; its page where asked for that."""
        if request.asks_for("preview"):
            return self._page()
        return self._named(request, get_file(request, self.name, self.node))

    def head(self, request: Request) -> Response:
        """Answer to a HEAD."""
        if request.asks_for("preview"):
            return self._page()
        return self._named(request, head_file(request, self.name, self.node))

    def _page(self) -> Response:
        return listing_response("200 OK", preview_page(self.names, self.node), *PAGE_HEADERS)

    def _named(self, request: Request, response: Response) -> Response:
        """`response`, which a browser saves under the file's name where asked to (RFC 6266)."""
        if request.asks_for("download"):
            response.headers.append(("Content-Disposition", f"attachment; filename*=UTF-8''{quote(_saved(self.name))}"))
        return response

    def members(self) -> Iterable[tuple[str, Node]]:
        """None: a file has no members."""
        return ()

    def get_content_length(self) -> int:
        """Bytes of the content."""
        return self.node.entry.size

    def get_content_type(self) -> str:
        """Content type by name."""
        return media_type(self.name, self.node)

    def get_creation_date(self) -> float:
        """The time of the last change: archives know no other."""
        return seconds_of(self.node.entry.mtime)

    def get_last_modified(self) -> float:
        """Seconds since 1970."""
        return seconds_of(self.node.entry.mtime)

    def get_etag(self) -> str:
        """Strong entity tag without its quotes, as WsgiDAV wants it."""
        return self.node.content_id

    def support_etag(self) -> bool:
        """True."""
        return True

    def support_ranges(self) -> bool:
        """True."""
        return True

    def get_content(self) -> io.BufferedReader:
        """The content as a seekable file."""
        return io.BufferedReader(ReaderIO(self.node.open()), _BUFFER)


class Collection(DAVCollection):
    """A directory."""

    def __init__(self, environ: WSGIEnvironment, path: Path, node: Directory) -> None:
        super().__init__("/" + "/".join(path.names), environ)
        self.node = node
        self.names = path.names
        self._has_slash = path.has_slash

    def get(self, request: Request) -> Response:
        """Answer to a GET: a page for people, at the path with a slash, for the links on it are relative."""
        if not self._has_slash:
            location = f"{href(request.mount, self.names)}/"
            return Response("301 Moved Permanently", [("Location", location), ("Content-Length", "0")])
        return self._page(request)

    def head(self, request: Request) -> Response:
        """Answer to a HEAD: the page is made, to know its length. Never a redirect, which Office takes for a no."""
        return self._page(request)

    def _page(self, request: Request) -> Response:
        children = self.node.children()  # first: what is opened for them, the description can tell of
        texts = listing_page(request, self.names, children, description_of(self.node))
        return listing_response("200 OK", texts, *PAGE_HEADERS)

    def members(self) -> Iterable[tuple[str, Node]]:
        """Names and nodes of the members that can be listed."""
        return self.node.children().items()

    def get_last_modified(self) -> float:
        """Seconds since 1970."""
        return seconds_of(self.node.entry.mtime)

    def get_creation_date(self) -> float:
        """The time of the last change: archives know no other."""
        return seconds_of(self.node.entry.mtime)

    def get_etag(self) -> str | None:
        """None: a collection has no content to tag."""
        return None

    def get_member(self, name: str) -> Resource | Collection | None:
        """Member called `name`, None where there is none."""
        try:
            node = find(self.node, [name])
        except NotFound:
            return None
        return resource_of(self.environ, Path((*self.names, name), False), node)

    def get_member_names(self) -> list[str]:
        """Names of the members that can be listed."""
        return list(self.node.children())


def resource_of(environ: WSGIEnvironment, path: Path, node: Node) -> Resource | Collection:
    """The resource that stands for `node` at `path`."""
    if node.entry.kind is Kind.DIR:  # asked for its entry, a name above images is looked up, and may not be there
        return Collection(environ, path, cast(Directory, node))
    return Resource(environ, path, cast(File, node))  # the tree has no links left: what is no directory is a file


def _saved(name: str) -> str:
    """A name that UTF-8 can spell."""
    return name.encode("utf-8", "replace").decode()
