"""What a handler needs of a request: the only reader of WSGI's `environ`, and of request bodies, in `dav`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

from crfs_dav.dav.names import Path, parse_path
from crfs_dav.dav.status import BrokenBody, ContentTooLarge

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

DISCARD_LIMIT = 64 << 20
_PIECE = 1 << 20


class Request:
    """One request; for the thread that serves it."""

    __slots__ = ("_environ", "method")

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ
        self.method: str = environ["REQUEST_METHOD"]

    @property
    def environ(self) -> WSGIEnvironment:
        """The dictionary that WsgiDAV's resources are made with."""
        return self._environ

    @property
    def mount(self) -> str:
        """Path under which the application is mounted, `""` at the root (WSGI's `SCRIPT_NAME`)."""
        return str(self._environ.get("SCRIPT_NAME", ""))

    def __str__(self) -> str:
        """Method and path for a log line: percent-encoded, so that no name can forge a second line."""
        return f"{self.method} {quote_from_bytes(self._environ.get('PATH_INFO', '').encode('latin-1', 'replace'))}"

    @property
    def spelling(self) -> str:
        """The request's target as the client spelled it, empty where the server does not tell (`REQUEST_URI`)."""
        return str(self._environ.get("REQUEST_URI", ""))

    @property
    def origin(self) -> str:
        """Scheme and host by which the client came, as it says: no more to be trusted than any header.

        Behind a proxy that speaks TLS, the scheme is what `X-Forwarded-Proto` says.
        """
        scheme = "https" if self.header("X_FORWARDED_PROTO") == "https" else self._environ.get("wsgi.url_scheme")
        return f"{scheme}://{self.header('HOST') or ''}"

    @property
    def wants_page(self) -> bool:
        """True if a browser asks, for somebody to look at the answer."""
        return self.method in ("GET", "HEAD") and "text/html" in (self.header("ACCEPT") or "")

    def asks_for(self, word: str) -> bool:
        """True if the query holds `word`; WebDAV clients send no query."""
        return word in self._environ.get("QUERY_STRING", "").split("&")

    def path(self) -> Path:
        """Names asked for; raises NotFound for paths that no tree holds."""
        return parse_path(self._environ.get("PATH_INFO", ""))

    def header(self, name: str) -> str | None:
        """Value of the header spelled as in CGI (`IF_RANGE`), None where it is absent."""
        return self._environ.get(f"HTTP_{name}")

    def read_body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes; raises ContentTooLarge, BrokenBody."""
        body = bytearray()
        while piece := self._read_piece(len(body), limit):
            body += piece
        return bytes(body)

    def discard_body(self) -> None:
        """Read the body to its end, which the next request of the connection begins at; raises as `read_body`."""
        size = 0
        while piece := self._read_piece(size, DISCARD_LIMIT):
            size += len(piece)

    def _read_piece(self, position: int, limit: int) -> bytes:
        """Next bytes of the body, of which `position` were read; `b""` at its end.

        Both framings: a Content-Length, or chunks that the server takes apart (`wsgi.input_terminated`).
        """
        if self._environ.get("wsgi.input_terminated"):
            piece = self._read(min(_PIECE, limit + 1 - position))
            if position + len(piece) > limit:
                raise ContentTooLarge(f"request body: over {limit} bytes; expected at most that")
            return piece
        size = self._content_length()
        if size > limit:
            raise ContentTooLarge(f"request body: {size} bytes; expected at most {limit}")
        if position == size:
            return b""
        piece = self._read(min(_PIECE, size - position))
        if not piece:
            raise BrokenBody(f"request body: {position} bytes; expected {size}")
        return piece

    def _content_length(self) -> int:
        text: str = self._environ.get("CONTENT_LENGTH") or "0"
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise BrokenBody(f"Content-Length: {text[:50]!r}; expected a count of bytes")
        return int(text)

    def _read(self, size: int) -> bytes:
        source: Any = self._environ["wsgi.input"]
        try:
            return bytes(source.read(size))
        except (ValueError, OSError) as error:
            # cheroot's errors for chunks that are none, for a client that stalls, and for its own size limit.
            if "Too Large" in str(error):
                raise ContentTooLarge(f"request body: {error}; expected less") from None
            raise BrokenBody(f"request body: {error}; expected all of it") from None
