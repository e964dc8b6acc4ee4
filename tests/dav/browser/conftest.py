"""A tree that has something of everything that pages show."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crfs_dav.archive import Kind
from crfs_dav.dav.browser.preview import PREVIEW_BYTES
from crfs_dav.names import digest_of
from crfs_dav.tree.described import Child, Column, DescribedDirectory, Description, Fact, Table
from tests.dav.conftest import Serve
from tests.support.dav import DavClient
from tests.support.dav_tree import TreeFile, directory, odd_directory

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
DESCRIPTION = Description(
    "Image",
    (
        Fact("Size", (1536,)),
        Fact("Created", (datetime(2018, 4, 26, 21, 8, 43, tzinfo=UTC),)),
        Fact("Environment", ("A=<b>", "B=2"), is_code=True),
    ),
    (
        Table(
            "Layers",
            (Column("Layer"), Column("Made by", is_code=True), Column("Digest", is_code=True)),
            ((Child("0", "0"), "RUN <script>", DIGEST), (Child("gone", "1"), None, DIGEST)),
        ),
        Table("Labels", (Column("Name"), Column("Value")), (("a", "1"),), is_aside=True),
    ),
)


@pytest.fixture(scope="module")
def client(serve: Serve) -> DavClient:
    inner = directory(zebra=TreeFile(bytes(1536)), apple=directory(), mango=TreeFile(b""))
    kinds = directory(
        tool=TreeFile(b"#!/bin/sh\n", mode=0o755),
        alias=TreeFile(b"x", link_name="../<target>"),
        broken=TreeFile(b"nowhere", kind=Kind.SYMLINK, link_name="nowhere"),
        null=TreeFile(b"", kind=Kind.CHAR),
        timeless=TreeFile(b"", mtime=None),
    )
    texts = {
        "text": TreeFile("Grüße\r\n<script>\x1b[0m\n".encode(), digest=digest_of(b"")),
        "binary": TreeFile(b"\x7fELF\0"),
        "latin": TreeFile(b"\xff\xfe\xfd"),
        "long": TreeFile("é".encode() * PREVIEW_BYTES),
        "empty": TreeFile(b""),
        "bom": TreeFile(b"\xef\xbb\xbfbom"),
        'qu"ote\udcff;ü.txt': TreeFile(b"x"),
    }
    image = DescribedDirectory(directory({"0": directory()}), lambda: DESCRIPTION)
    counted = directory({name: directory() for name in ("10", "9", "v1.10", "v1.9")})
    tree = {"dir": directory(inner=inner), "odd": odd_directory(), "kinds": kinds, "texts": directory(texts)}
    return serve(directory({**tree, "image": image, "counted": counted}))
