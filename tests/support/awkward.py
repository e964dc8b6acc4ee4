"""One awkward image in three layers: names, links, whiteouts and sizes that break careless readers."""

from __future__ import annotations

from functools import cache

from tests.support.archives import (
    Member,
    block,
    char,
    dir_,
    fifo,
    file,
    hardlink,
    link,
    opaque,
    tar_of,
    whiteout,
)

MIB = 1 << 20
CHUNK_SIZE = 4 * MIB  # of eStargz writers, when they are not told

NAMES = (
    *("with space", "hash#tag", "percent%41", "question?mark", "plus+plus", "amp&amp;", "pipe|pipe"),
    *("colon:amd64.list", "back\\slash", 'quote"quote', "brackets[1]{2}", "semi;colon", "caret^tilde~"),
    *("less<more>", "star*", "trailing dot.", "trailing space ", "aux.c", "CON", "Case", "case", "-dash"),
    *("tab\there", "newline\nhere", "del\x7f", "日本語", "emoji😀", "Ünïcødé.txt", "long-" + 200 * "x" + ".txt"),
    *("back`tick", "equals=at@comma,", "e\u0301 decomposed", "\u00e9 composed", "<script>alert(1)<"),
)
NOT_UTF8 = b"names/latin1-\xe9\xff"


@cache
def awkward_layers(*, many: int = 1500, big: int = 2 * CHUNK_SIZE + 7) -> tuple[bytes, bytes, bytes]:
    """Tar streams of the three layers, base first: `many` small files, and large ones up to about `big` bytes."""
    return _base(many, big), tar_of(*_UPPER), tar_of(*_TOP)


@cache
def lines(word: str, size: int) -> bytes:
    """`size` bytes of numbered lines, always the same."""
    line = len(f"{word} {0:09} {0:08x}\n")
    count = size // line + 1
    return "".join(f"{word} {n:09} {n * 2654435761 % 2**32:08x}\n" for n in range(count)).encode()[:size]


def _base(many: int, big: int) -> bytes:
    return tar_of(*_ROOT, *_LINKS, *_sizes(big), *_NAMED, *_KINDS, *_TO_BE_HIDDEN, *_METADATA, *_many(many))


_ROOT = (
    dir_("./"),
    dir_("./etc/"),
    file("./etc/os-release", b'NAME="Odd Linux"\nID=odd\nVERSION_ID=1\n'),
    file("./etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
    file("./etc/motd", b"to be removed by a whiteout\n"),
    file("./etc/shadow", b"root:*:1::::::\n", mode=0o640).owned(0, 42, "root", "shadow"),
    dir_("usr"),
    dir_("usr/bin"),
    dir_("usr/lib/"),
    file("usr/bin/tool", b"#!/bin/sh\necho tool\n", mode=0o755),
    file("usr/bin/suid", b"#!/bin/sh\nid\n", mode=0o4755),
    hardlink("usr/bin/tool-alias", "usr/bin/tool"),
    hardlink("usr/bin/dot-alias", "./etc/passwd"),
)

_LINKS = (
    link("bin", "usr/bin"),
    link("lib", "/usr/lib"),
    link("usr/bin/X11", "."),
    dir_("loop"),
    link("loop/a", "b"),
    link("loop/b", "a"),
    dir_("cycle"),
    dir_("cycle/x"),
    dir_("cycle/y"),
    link("cycle/x/y", "../y"),
    link("cycle/y/x", "../x"),
    link("dangling", "nowhere/at/all"),
    link("escape", "../../../../../../etc/passwd"),
    file("implied/parents/deep/file.txt", b"no directory entries above me\n"),
)

_NAMED = (
    dir_("names"),
    *(file(f"names/{name}", f"content of {name}".encode()) for name in NAMES),
    file(NOT_UTF8, b"not utf-8"),
)

_KINDS = (
    file("xattr", b"has xattrs\n").with_xattrs({"user.comment": b"hello", "user.binary": b"\0\xff\n="}),
    dir_("dev"),
    char("dev/null", 1, 3),
    block("dev/sda", 8, 0),
    fifo("dev/pipe"),
)

_TO_BE_HIDDEN = (
    dir_("opaque"),
    file("opaque/old1", b"hidden by opaque\n"),
    dir_("opaque/sub"),
    file("opaque/sub/old2", b"hidden too\n"),
    dir_("dir-becomes-file"),
    file("dir-becomes-file/inside", b"gone\n"),
    file("file-becomes-dir", b"gone\n"),
    dir_("link-becomes-dir-target"),
    file("link-becomes-dir-target/keep", b"keep\n"),
    link("link-becomes-dir", "link-becomes-dir-target"),
    dir_("removed-dir"),
    file("removed-dir/a", b"a\n"),
    dir_("removed-dir/b"),
    file("removed-dir/b/c", b"c\n"),
)

_METADATA = (
    file("owned", b"owned by app\n").owned(1000, 1000, "app", "app"),
    file("far-owner", b"a large uid\n").owned(4_000_000_000, 3_000_000),
    file("epoch", b"at the epoch\n").at(0),
    file("subsecond", b"mtime with a fraction\n").at(1_500_000_000.75),
    file("before-1970", b"older than time\n").at(-86_400),
)

_UPPER = (
    dir_("etc"),
    whiteout("etc/motd"),
    whiteout("etc/was-never-there"),
    file("etc/hostname", b"odd\n"),
    dir_("opaque"),
    opaque("opaque"),
    file("opaque/new", b"only me\n"),
    file("dir-becomes-file", b"I was a directory\n"),
    dir_("file-becomes-dir"),
    file("file-becomes-dir/inside", b"I was a file\n"),
    dir_("link-becomes-dir"),
    file("link-becomes-dir/new", b"a directory now\n"),
    whiteout("removed-dir"),
    file("usr/bin/tool", b"#!/bin/sh\necho tool two\n", mode=0o755),
    file("etc/os-release", b'NAME="Odd Linux"\nID=odd\nVERSION_ID=2\n'),
    file("etc/os-release", b'NAME="Odd Linux"\nID=odd\nVERSION_ID=3\n'),
    file("lib/through-link", b"lands in usr/lib\n"),
)

_TOP = (
    dir_("removed-dir"),
    file("removed-dir/again", b"back again\n"),
    file("etc/motd", b"a new motd\n"),
    dir_("emptydir", mode=0o700),
)


def _sizes(big: int) -> tuple[Member, ...]:
    return (
        file("empty"),
        dir_("emptydir"),
        dir_("big"),
        file("big/chunks+7.txt", lines("big", big)),
        file("big/chunk.txt", lines("four", CHUNK_SIZE)),
        file("big/chunk+1.txt", lines("five", CHUNK_SIZE + 1)),
        file("big/zeros", bytes(big)),
    )


def _many(count: int) -> tuple[Member, ...]:
    return dir_("many"), *(file(f"many/{n:04}.txt", f"file number {n}\n".encode()) for n in range(count))
