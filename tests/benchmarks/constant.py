"""The limit for small requests: cheroot and an app that does nothing; `constant.py SIZE PORT`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cheroot import wsgi

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_THREADS = 40  # crfs-dav's own default


def main(size: str, port: str) -> None:
    """Serves until a signal ends it."""
    body = bytes(int(size))
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", size)]

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return [body]

    wsgi.Server(("127.0.0.1", int(port)), app, numthreads=_THREADS).safe_start()


if __name__ == "__main__":
    main(*sys.argv[1:])
