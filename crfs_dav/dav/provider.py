"""The provider: WsgiDAV hands it every request, and it answers all of them itself.

WsgiDAV's own PROPFIND, OPTIONS and GET break real clients (a listing dies of one odd name, `If-Modified-Since` never
gives 304, malformed ranges give 206, propname gives nothing, …), so `custom_request_handler` calls none of them.
Serves any thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from wsgidav.dav_provider import DAVProvider

from crfs_dav.dav.browser.failure import failure_page
from crfs_dav.dav.browser.underway import underway_page
from crfs_dav.dav.clients import client_of
from crfs_dav.dav.listings import Listings
from crfs_dav.dav.names import find, href, href_as_asked, parse_path
from crfs_dav.dav.propfind import XML_TYPE, fitting, infinite_depth_refused, multistatus
from crfs_dav.dav.queries import BODY_LIMIT, Query, parse_query
from crfs_dav.dav.request import Request
from crfs_dav.dav.resources import Collection, Resource, resource_of
from crfs_dav.dav.response import CutConnection, Response, listing_response
from crfs_dav.dav.status import ALLOW, BadRequest, BrokenBody, failure, method_not_allowed
from crfs_dav.errors import BadName, CrfsError, NotFound, Underway
from crfs_dav.patience import patience
from crfs_dav.readers import ByteStore
from crfs_dav.tree.node import Directory

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

_READERS_PATIENCE_SECONDS = 2.0  # people rather see how far it is


class CrfsProvider(DAVProvider):
    """A tree of directories and files, without links, as a read-only WebDAV class 1 share mounted at `/`."""

    def __init__(self, root: Directory, listings: ByteStore | None) -> None:
        super().__init__()
        self._root = root
        self._listings = Listings(listings)
        self._methods: dict[str, Callable[[Request], Response]] = {
            "OPTIONS": _options,
            "PROPFIND": self._propfind,
            "GET": self._get,
            "HEAD": self._head,
        }

    def is_readonly(self) -> bool:
        """True: WsgiDAV too then says class 1 and refuses to write."""
        return True

    def get_resource_inst(self, path: str, environ: WSGIEnvironment) -> Resource | Collection | None:
        """Resource at `path`, spelled as in `PATH_INFO`; None where there is none. Raises what the tree raises."""
        try:
            found = parse_path(path)
            return resource_of(environ, found, find(self._root, found.names))
        except (NotFound, BadName):
            return None

    def custom_request_handler(
        self, environ: WSGIEnvironment, start_response: StartResponse, default_handler: object = None
    ) -> Iterable[bytes]:
        """Body of the answer, whose status and headers are given to `start_response` before this returns."""
        request = Request(environ)
        try:
            response = self._methods.get(request.method, _refuse)(request)
            _log.info("%s: %s", request, response.status)
        except Exception as error:
            _log_failure(request, error)
            response = _failure(request, error)
        start_response(response.status, response.headers)
        if request.method == "HEAD":
            return ()
        return response.body if isinstance(response.body, list) else _guarded(request, response.body)

    def _propfind(self, request: Request) -> Response:
        body = request.read_body(BODY_LIMIT)
        depth = (request.header("DEPTH") or "infinity").strip().lower()
        if depth == "infinity":
            return infinite_depth_refused()
        if depth not in ("0", "1"):
            raise BadRequest(f"Depth: {depth[:50]!r}; expected 0 or 1")
        query = parse_query(body)
        resource = self._resource(request)
        client = client_of(request.header("USER_AGENT"))
        path = href_as_asked(request.spelling, href(request.mount, resource.names))

        def render() -> Response:
            members = list(client.shown(resource.members())) if depth == "1" else []

            def texts(asked: Query) -> Iterator[str]:
                return multistatus(asked, path, (resource.name, resource.node), members)

            fitted = fitting(query, client, lambda asked: sum(map(len, texts(asked))))
            return listing_response("207 Multi-Status", texts(fitted), XML_TYPE)

        if depth == "0":
            return render()
        return self._listings.get(resource.node, f"{client.name}\n{path}\n{query}", render)

    def _get(self, request: Request) -> Response:
        request.discard_body()
        if not request.wants_page:
            return self._resource(request).get(request)
        with patience(_READERS_PATIENCE_SECONDS):
            return self._resource(request).get(request)

    def _head(self, request: Request) -> Response:
        request.discard_body()
        return self._resource(request).head(request)

    def _resource(self, request: Request) -> Resource | Collection:
        path = request.path()
        client = client_of(request.header("USER_AGENT"))
        return resource_of(request.environ, path, find(self._root, path.names, client.spellings))


def _options(request: Request) -> Response:
    """The same everywhere, missing paths and `*` included, so that no registry is asked for it.

    `DAV: 1` and not 2 makes macOS mount read-only; Windows XP and Office look for `MS-Author-Via`.
    """
    request.discard_body()
    return Response("200 OK", [("DAV", "1"), ALLOW, ("MS-Author-Via", "DAV"), ("Content-Length", "0")])


def _refuse(request: Request) -> Response:
    request.discard_body()
    return method_not_allowed()


def _failure(request: Request, error: Exception) -> Response:
    """A line of text; a page for browsers, but for requests so broken that the connection ends with them."""
    response = failure(error)
    if not request.wants_page or isinstance(error, BrokenBody):
        return response
    try:
        names = request.path().names
    except NotFound:
        names = ()
    if isinstance(error, Underway):
        return underway_page(response, error, request.mount, names=names)
    return failure_page(response, request.mount, names)


def _guarded(request: Request, body: Iterable[bytes]) -> Iterator[bytes]:
    """`body`, but an error in it cuts the connection: its status is gone, and a short body must not pass for whole."""
    try:
        yield from body
    except CutConnection:
        raise
    except Exception as error:
        _log_failure(request, error)
        raise CutConnection("body broken off") from None


def _log_failure(request: Request, error: Exception) -> None:
    """One line a failed request; a traceback only for what nobody foresaw."""
    if not isinstance(error, CrfsError):
        _log.error("%s: unexpected", request, exc_info=error)
        return
    level = logging.INFO if isinstance(error, _CLIENTS_ERRORS) else logging.WARNING
    _log.log(level, "%s: %s", request, error)


_CLIENTS_ERRORS = (NotFound, BadName, BadRequest)
