"""Servers as they run: one over a tree of odd names, one over a whole app and its registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from wsgiref.types import WSGIApplication

import pytest

from crfs_dav.dav.application import create_dav_app
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.server.http import Server
from crfs_dav.server.listening import listen
from tests.support.archives import dir_, estargz_of, file, link
from tests.support.awkward import awkward_layers
from tests.support.dav import DavClient
from tests.support.dav_tree import TreeFile, directory, odd_directory
from tests.support.images import NOISE, add_layers, layer_of
from tests.support.site import site

THREADS = 32


@dataclass(frozen=True)
class Shop:
    """A registry, and a running crfs-dav before it."""

    registry: DemoRegistry
    client: DavClient

    @property
    def image(self) -> str:
        """Path of the sample image's root."""
        return f"/images/{self.registry.host.replace(':', '%3A')}/my/ubuntu/18.04"

    @property
    def layer(self) -> str:
        """Path of its first layer."""
        return f"/layers/{self.registry.host.replace(':', '%3A')}/my/ubuntu/18.04/0"


@contextmanager
def running(app: WSGIApplication) -> Iterator[DavClient]:
    """`app` under the server of `crfs-dav serve`."""
    server = Server(app, listen("127.0.0.1", 0), threads=THREADS)
    server.start()
    try:
        yield DavClient("127.0.0.1", server.port)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def odd() -> Iterator[DavClient]:
    """A tree with every name of the notes' section 12."""
    big = TreeFile(bytes(range(256)) * 8192, mode=0o755)
    tree = directory({"odd": odd_directory(), "dir": directory(big=big, script=TreeFile(b"#!/bin/sh\n", mode=0o755))})
    with running(create_dav_app(tree)) as client:
        yield client


@contextmanager
def open_shop() -> Iterator[Shop]:
    """A registry with one image of several layers: usual files, awkward ones, links, and much noise."""
    layers = [
        layer_of(
            dir_("etc/"),
            file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n"),
            file("var/lib/dpkg/info/libc6:amd64.list", b"/lib\n"),
            file("usr/bin/tool", b"#!/bin/sh\n", mode=0o755),
            file("usr/noise", NOISE),
            link("usr/bin/X11", "."),
            link("usr/up", "../../../.."),
            link("usr/loop", "loop"),
            link("usr/absolute", "/etc/passwd"),
            link("usr/dangling", "nowhere"),
        ),
        *(estargz_of(tar) for tar in awkward_layers(many=300, big=4096)),
    ]
    with DemoRegistry() as registry:
        add_layers(registry, "my/ubuntu", "18.04", *layers)
        with site(registry) as app, running(app.wsgi) as client:
            yield Shop(registry, client)


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """See `open_shop`; for tests that leave no trace."""
    with open_shop() as shop:
        yield shop
