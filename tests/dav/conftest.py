from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest
from cheroot import wsgi

from crfs_dav.dav.application import create_dav_app
from crfs_dav.server.connections import Connection, Gateway
from crfs_dav.tree.node import Directory
from tests.support.dav import DavClient
from tests.support.recording import DictStore


class Serve(Protocol):
    """Serves a tree, and says where; `body_limit` is cheroot's, in bytes, 0 for none."""

    def __call__(self, root: Directory, *, body_limit: int = 0) -> DavClient: ...


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Serves a tree under cheroot on a free port of loopback, until the module's tests are done."""
    servers: list[tuple[wsgi.Server, threading.Thread]] = []

    def serve_tree(root: Directory, *, body_limit: int = 0) -> DavClient:
        server = wsgi.Server(("127.0.0.1", 0), create_dav_app(root, listings=DictStore()), numthreads=4)
        server.ConnectionClass, server.gateway = Connection, Gateway
        server.keep_alive_conn_limit = 100
        server.max_request_body_size = body_limit
        server.prepare()
        thread = threading.Thread(target=server.serve)
        thread.start()
        servers.append((server, thread))
        return DavClient("127.0.0.1", server.bind_addr[1])

    yield serve_tree
    with ThreadPoolExecutor(32) as stoppers:  # each takes cheroot half a second
        list(stoppers.map(lambda pair: pair[0].stop(), servers))
    for _, thread in servers:
        thread.join()
