"""A whole crfs-dav in this process, without a socket: settings, requests to it, and what it asked its registry."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes
from wsgiref.types import WSGIApplication

from lxml import etree

from crfs_dav.app import App, create_app
from crfs_dav.config import load_config
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.formats.passes import PATIENCE_SECONDS
from tests.support.dav import D


@dataclass(frozen=True)
class Reply:
    """An answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Site:
    """Requests to one app; paths are written as people write them, not encoded."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def wsgi(self) -> WSGIApplication:
        """The app itself, for a server."""
        return self._app.wsgi

    def request(self, method: str, path: str, **headers: str) -> Reply:
        """The answer to a request without body; header names with `_` for `-`."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path.encode("utf-8", "surrogateescape").decode("latin-1"),
            "SCRIPT_NAME": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "HTTP_HOST": "127.0.0.1",
            **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        }
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, fields: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
            started.append((status, fields))
            return _unused

        body = b"".join(self._app.wsgi(environ, start_response))
        status, fields = started[0]
        return Reply(int(status[:3]), {name.lower(): value for name, value in fields}, body)

    def get(self, path: str, **headers: str) -> Reply:
        """A GET."""
        return self.request("GET", path, **headers)

    def status(self, path: str) -> int:
        """Status of a PROPFIND of Depth 0: whether `path` is there."""
        return self.request("PROPFIND", path, depth="0").status

    def names(self, path: str) -> list[str]:
        """Names in the directory at `path`, directories with a slash."""
        reply = self.request("PROPFIND", path, depth="1")
        assert reply.status == 207, reply
        hrefs = [element.text or "" for element in etree.fromstring(reply.body).iter(f"{D}href")]
        return [unquote_to_bytes(href.removeprefix(hrefs[0])).decode("utf-8", "surrogateescape") for href in hrefs[1:]]


def _unused(_data: bytes) -> None:
    raise AssertionError("write(): called; expected an iterable body")


@contextmanager
def site(
    registry: DemoRegistry,
    cache: Path | dict[str, Any] | None = None,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    **settings: Any,
) -> Iterator[Site]:
    """An app that knows `registry`, with its disk cache at `cache`, as these settings say, or with none."""
    where: dict[str, Any] = {"disk_bytes": 0, "spool_bytes": 0, "index_bytes": 0}
    if cache is not None:
        where = cache if isinstance(cache, dict) else {"directory": str(cache)}
    values = {
        "registries": {registry.host: {"scheme": "http"}},
        "credentials": {"files": False},  # not the tester's own
        "cache": where,
        **settings,
    }
    app = create_app(load_config(None, values), patience_seconds=patience_seconds)
    try:
        yield Site(app)
    finally:
        app.close()


def asked(registry: DemoRegistry) -> list[str]:
    """Requests that `registry` got, in short: `HEAD my/ubuntu/manifests/18.04`, digests cut, ranges as a star."""
    return [
        f"{request.method} {_short(quote(request.path, safe='/:'))}{' *' if request.range else ''}"
        for request in registry.requests
    ]


def _short(path: str) -> str:
    head, separator, digest = path.removeprefix("/v2/").partition("sha256:")
    return f"{head}{separator}{digest[:0]}".removesuffix(":")
