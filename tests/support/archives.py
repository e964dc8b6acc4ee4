"""A small language for layers: `estargz_of(tar_of(dir_("etc"), file("etc/passwd", b"..."), link("a", "b")))`.

Spells every byte of a tar itself, so that it can spell what `tarfile` would not: duplicates, names that are not UTF-8,
`./` and `/` prefixes, PAX and GNU extensions, sizes that lie.
"""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from crfs_dav.formats.writer import write_estargz
from crfs_dav.formats.writing import CHUNK_SIZE
from crfs_dav.oci import TOC_DIGEST_ANNOTATION

Text = str | bytes  # str: UTF-8, lone surrogates stand for other bytes
Form = Literal["pax", "gnu"]

MTIME = 1_500_000_000  # 2017-07-14T02:40:00Z
BLOCK = 512
END = bytes(2 * BLOCK)


@dataclass(frozen=True)
class Member:
    """One thing to write; `records` are further PAX records, `stored_size` is what the header says of the size."""

    name: Text
    type: bytes = b"0"
    data: bytes = b""
    link_name: Text = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    user_name: Text = "root"
    group_name: Text = "root"
    mtime: float = MTIME
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] | None = None
    records: Mapping[str, bytes] | None = None
    stored_size: int | None = None

    def owned(self, uid: int, gid: int, user_name: Text = "", group_name: Text = "") -> Member:
        return replace(self, uid=uid, gid=gid, user_name=user_name, group_name=group_name)

    def at(self, mtime: float) -> Member:
        return replace(self, mtime=mtime)

    def with_mode(self, mode: int) -> Member:
        return replace(self, mode=mode)

    def with_xattrs(self, xattrs: Mapping[str, bytes]) -> Member:
        return replace(self, xattrs=xattrs)

    def with_records(self, records: Mapping[str, bytes]) -> Member:
        return replace(self, records=records)

    def claiming(self, size: int) -> Member:
        return replace(self, stored_size=size)


def file(name: Text, data: bytes = b"", mode: int = 0o644) -> Member:
    return Member(name, data=data, mode=mode)


def dir_(name: Text, mode: int = 0o755) -> Member:
    return Member(name, b"5", mode=mode)


def link(name: Text, target: Text) -> Member:
    return Member(name, b"2", link_name=target, mode=0o777)


def hardlink(name: Text, target: Text) -> Member:
    return Member(name, b"1", link_name=target)


def fifo(name: Text, mode: int = 0o600) -> Member:
    return Member(name, b"6", mode=mode)


def char(name: Text, major: int, minor: int, mode: int = 0o666) -> Member:
    return Member(name, b"3", device=(major, minor), mode=mode)


def block(name: Text, major: int, minor: int, mode: int = 0o660) -> Member:
    return Member(name, b"4", device=(major, minor), mode=mode)


def whiteout(path: str) -> Member:
    """The entry that hides `path` of lower layers (image-spec layer.md, "Whiteouts")."""
    parent, slash, name = path.rpartition("/")
    return file(f"{parent}{slash}.wh.{name}")


def opaque(directory: str) -> Member:
    """The entry that hides all that lower layers have in `directory`."""
    return file(f"{directory}/.wh..wh..opq")


def global_records(records: Mapping[str, bytes]) -> bytes:
    """A PAX global header."""
    return _extension(b"g", b"GlobalHead", _pax(records))


def tar_of(*members: Member | bytes, form: Form = "pax", end: bytes = END) -> bytes:
    """The tar stream of `members` (bytes among them: blocks written as they are), with `end` after the last."""
    return b"".join(_blocks(member, form) if isinstance(member, Member) else member for member in members) + end


def targz_of(tar: bytes) -> bytes:
    """A plain gzip layer; the same bytes each time."""
    return gzip.compress(tar, 6, mtime=0)


def estargz_of(tar: bytes, *, chunk_size: int = CHUNK_SIZE) -> tuple[bytes, Mapping[str, str]]:
    """An eStargz layer and its annotations: what `DemoRegistry.add_image` takes as a layer."""
    out = io.BytesIO()
    written = write_estargz(io.BytesIO(tar), out, chunk_size=chunk_size)
    return out.getvalue(), {TOC_DIGEST_ANNOTATION: str(written.toc_digest)}


def _blocks(member: Member, form: Form) -> bytes:
    extensions = _pax_extensions(member) if form == "pax" else _gnu_extensions(member)
    return extensions + header_of(member, form) + _padded(member.data)


def _pax_extensions(member: Member) -> bytes:
    records = dict(member.records or {})
    for key, text in (("path", to_bytes(member.name)), ("linkpath", to_bytes(member.link_name))):
        if len(text) > 100 or (not text.isascii() and _is_utf8(text)):
            records.setdefault(key, text)
    for key, number in (("uid", member.uid), ("gid", member.gid)):
        if number >= 8**7:
            records[key] = b"%d" % number
    if not 0 <= member.mtime < 8**11 or member.mtime != math.floor(member.mtime):
        records["mtime"] = str(member.mtime).encode()
    records |= {f"SCHILY.xattr.{key}": value for key, value in (member.xattrs or {}).items()}
    return _extension(b"x", b"PaxHeaders/1", _pax(records)) if records else b""


def _gnu_extensions(member: Member) -> bytes:
    names = ((b"L", to_bytes(member.name)), (b"K", to_bytes(member.link_name)))
    return b"".join(_extension(type_, b"././@LongLink", name + b"\0") for type_, name in names if len(name) > 100)


def _extension(type_: bytes, name: bytes, data: bytes) -> bytes:
    return header_of(Member(name, type_, data, mtime=0, user_name=b"", group_name=b""), "pax") + _padded(data)


def _pax(records: Mapping[str, bytes]) -> bytes:
    return b"".join(_pax_record(to_bytes(key) + b"=" + value + b"\n") for key, value in records.items())


def _pax_record(rest: bytes) -> bytes:
    size = len(rest) + 2
    while size != len(b"%d " % size) + len(rest):
        size = len(b"%d " % size) + len(rest)
    return b"%d " % size + rest


def header_of(member: Member, form: Form) -> bytes:
    """The 512 bytes of the header itself (POSIX ustar, or GNU's variant of it)."""
    size = len(member.data) if member.stored_size is None else member.stored_size
    magic = b"ustar\x0000" if form == "pax" else b"ustar  \0"
    fields = (
        _text(member.name, 100),
        _number(member.mode, 8, form),
        _number(member.uid, 8, form),
        _number(member.gid, 8, form),
        _number(size, 12, form),
        _number(math.floor(member.mtime), 12, form),
        b" " * 8,
        member.type,
        _text(member.link_name, 100),
        magic,
        _text(member.user_name, 32),
        _text(member.group_name, 32),
        *(_number(number, 8, form) for number in member.device),
    )
    header = b"".join(fields).ljust(BLOCK, b"\0")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _number(value: int, width: int, form: Form) -> bytes:
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    if form == "pax":
        return b"0".rjust(width - 1, b"0") + b"\0"  # a record says it
    base256 = value.to_bytes(width, "big", signed=True)
    return bytes([base256[0] | 0x80]) + base256[1:]


def _text(text: Text, width: int) -> bytes:
    return to_bytes(text)[:width].ljust(width, b"\0")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def to_bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
