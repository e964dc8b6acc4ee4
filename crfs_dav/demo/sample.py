"""The sample image of the demo: a very small Linux of our own making, the same bytes at every start.

`my/ubuntu:18.04` is an index of two platforms, `my/notes:latest` a single image of one layer. Their contents show
what a merged image does: links of every kind, a whiteout, an opaque directory, names that need escaping.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from crfs_dav.demo.registry import DemoRegistry, Layer
from crfs_dav.formats.writer import write_estargz
from crfs_dav.names import Digest
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, Platform

REPOSITORY = "my/ubuntu"
TAG = "18.04"

_CREATED = "2018-04-26T21:08:43Z"
_MTIME = 1524776923  # the same moment
_CHUNK_SIZE = 1 << 20  # bytes: the long file below shall have more than one chunk
_NOT_FOR_WINDOWS = ("libc6:amd64.list", "Foo.txt", "foo.txt", "aux", "ends.", "x%20y.txt")
_LINES = 60_000  # of the long file: 3.4 MiB


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a layer."""

    name: str
    content: bytes = b""
    type: bytes = tarfile.REGTYPE
    mode: int = 0o644
    link_name: str = ""
    uid: int = 0


def build_sample(registry: DemoRegistry) -> None:
    """Put the sample images into `registry`."""
    upper = _layer(_UPPER)
    images = {
        Platform("linux", architecture): _add_image(registry, architecture, upper)
        for architecture in ("amd64", "arm64")
    }
    registry.add_index(REPOSITORY, TAG, images)
    registry.add_image("my/notes", "latest", [_layer(_NOTES)], config={"created": _CREATED})


def _add_image(registry: DemoRegistry, architecture: str, upper: Layer) -> Digest:
    """Digest of the image for one architecture: bases differ, what lies above is shared."""
    layers = [_layer((*_BASE, *_machine(architecture))), upper]
    return registry.add_image(REPOSITORY, None, layers, config=_config(architecture))


def _layer(items: Iterable[Item]) -> Layer:
    out = io.BytesIO()
    written = write_estargz(io.BytesIO(_tar(items)), out, chunk_size=_CHUNK_SIZE)
    return out.getvalue(), {TOC_DIGEST_ANNOTATION: str(written.toc_digest)}


def _tar(items: Iterable[Item]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for item in items:
            tar.addfile(_header(item), io.BytesIO(item.content))
    return out.getvalue()


def _header(item: Item) -> tarfile.TarInfo:
    header = tarfile.TarInfo(item.name)
    header.size = len(item.content)
    header.type, header.mode, header.linkname = item.type, item.mode, item.link_name
    header.mtime = _MTIME
    header.uid = header.gid = item.uid
    header.uname = header.gname = "guest" if item.uid else "root"
    return header


def _config(architecture: str) -> dict[str, Any]:
    return {
        "created": _CREATED,
        "author": "crfs-dav",
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"],
            "Entrypoint": ["/usr/bin/hello"],
            "Cmd": ["world"],
            "WorkingDir": "/home/guest",
            "Labels": {
                "org.opencontainers.image.title": "Sample Linux",
                "org.opencontainers.image.description": "A very small system to look at.",
            },
        },
        "history": [
            {"created": _CREATED, "created_by": "base system", "comment": "made by crfs-dav when it started"},
            {"created": _CREATED, "created_by": "update: new greeting, old news removed"},
        ],
    }


def _dir(name: str, mode: int = 0o755) -> Item:
    return Item(name, type=tarfile.DIRTYPE, mode=mode)


def _file(name: str, text: str, mode: int = 0o644) -> Item:
    return Item(name, text.encode(), mode=mode)


def _link(name: str, target: str) -> Item:
    return Item(name, type=tarfile.SYMTYPE, mode=0o777, link_name=target)


def _machine(architecture: str) -> Iterator[Item]:
    yield _file("etc/machine", f"{architecture}\n")


def _log_lines() -> str:
    return "".join(f"2018-04-26T21:08:43Z line {n:06} of the sample's long log\n" for n in range(_LINES))


_BASE = (
    _dir("etc"),
    _file("etc/os-release", 'NAME="Sample Linux"\nID=sample\nVERSION_ID="18.04"\nPRETTY_NAME="Sample Linux 18.04"\n'),
    _file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:Guest:/home/guest:/bin/sh\n"),
    _file("etc/group", "root:x:0:\nguest:x:1000:\n"),
    _file("etc/shadow", "root:*:17647:0:99999:7:::\n", mode=0o640),
    _file("etc/hostname", "sample\n"),
    _file("etc/motd", "Old news, removed by the upper layer.\n"),
    _dir("usr"),
    _dir("usr/bin"),
    _file("usr/bin/hello", '#!/bin/sh\necho "Hello, ${1:-world}!"\n', mode=0o755),
    Item("usr/bin/hello-again", type=tarfile.LNKTYPE, mode=0o755, link_name="usr/bin/hello"),
    _dir("usr/lib"),
    _file("usr/lib/os-release", 'NAME="Sample Linux"\nID=sample\n'),
    _dir("usr/share"),
    _dir("usr/share/doc"),
    _dir("usr/share/doc/hello"),
    _file("usr/share/doc/hello/README", "hello prints a greeting.\n"),
    _file("usr/share/doc/hello/copyright", "Apache-2.0\n"),
    _link("bin", "usr/bin"),
    _link("lib", "/usr/lib"),
    _link("usr/bin/hi", "hello"),
    _link("etc/localtime", "/usr/share/zoneinfo/Etc/UTC"),
    _dir("var"),
    _dir("var/cache"),
    _file("var/cache/stale-1", "hidden by an opaque directory\n"),
    _file("var/cache/stale-2", "hidden by an opaque directory\n"),
    _dir("var/log"),
    _file("var/log/sample.log", _log_lines()),
    _dir("tmp", mode=0o1777),
    _dir("home"),
)

_UPPER = (
    _file("etc/.wh.motd", ""),
    _file("etc/issue", "Sample Linux 18.04, second layer\n"),
    _file("usr/bin/hello", '#!/bin/sh\necho "Hello from the upper layer, ${1:-world}!"\n', mode=0o755),
    _dir("var/cache"),
    _file("var/cache/.wh..wh..opq", ""),
    _file("var/cache/fresh", "only this is left\n"),
    _dir("home/guest"),
    Item("home/guest/notes.txt", b"Mine.\n", mode=0o600, uid=1000),
    _file("home/guest/empty", ""),
    _dir("home/guest/names"),
    _file("home/guest/names/Grüße, 世界 😀.txt", "Unicode is welcome.\n"),
    _file("home/guest/names/<script>alert(1)<", "Names are escaped wherever they are shown.\n"),
    _file("home/guest/names/100% #1? a+b & c;d.txt", "So are these.\n"),
    *(_file(f"home/guest/names/{name}", f"This is {name}\n") for name in _NOT_FOR_WINDOWS),
)

_NOTES = (
    _file("README.md", "# Notes\n\nAn image need not be a system: this one holds two notes.\n"),
    _dir("notes"),
    _file("notes/first.md", "Read only what you open.\n"),
    _link("latest.md", "notes/first.md"),
)
