"""Tar headers spelled anew, for entries whose bytes cannot pass as they came: the same header, the same bytes.

Format: POSIX.1-2001 pax, with SCHILY.xattr records as GNU tar and Go write them. Drawn in `tarstream`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from crfs_dav.archive import Kind
from crfs_dav.formats.tarstream import BLOCK, XATTR_PREFIX, TarHeader

_TYPES = {
    Kind.REG: b"0",
    Kind.HARDLINK: b"1",
    Kind.SYMLINK: b"2",
    Kind.CHAR: b"3",
    Kind.BLOCK: b"4",
    Kind.DIR: b"5",
    Kind.FIFO: b"6",
}
_NAME, _OWNER = 100, 32  # bytes of fields
_DECIMALS = 18  # of a second; what is read has no more


def header_bytes(header: TarHeader) -> bytes:
    """The blocks that spell `header`, whatever its `raw` says: extensions first."""
    records = b"".join(_record(key, value) for key, value in _records(header))
    extension = _block(b"PaxHeaders/0", b"x", size=len(records)) + padded(records) if records else b""
    return extension + _block(
        _bytes(header.name),
        _TYPES[header.kind],
        size=header.size,
        middle=(header.mode, header.uid, header.gid, header.mtime.__floor__()),
        link_name=_bytes(header.link_name),
        owners=(_bytes(header.user_name), _bytes(header.group_name)),
        device=header.device,
    )


def padded(data: bytes) -> bytes:
    """`data`, filled up to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def _records(header: TarHeader) -> Iterator[tuple[str, bytes]]:
    """What the fields of a header have no room for."""
    for key, text in (("path", header.name), ("linkpath", header.link_name)):
        if not _fits(_bytes(text), _NAME):
            yield key, _bytes(text)
    for key, text in (("uname", header.user_name), ("gname", header.group_name)):
        if not _fits(_bytes(text), _OWNER):
            yield key, _bytes(text)
    for key, number, width in (("uid", header.uid, 8), ("gid", header.gid, 8), ("size", header.size, 12)):
        if number >= 8 ** (width - 1):
            yield key, b"%d" % number
    if header.mtime.denominator != 1 or not 0 <= header.mtime < 8**11:
        yield "mtime", _decimal(header.mtime)
    for key, value in header.xattrs.items():
        yield XATTR_PREFIX + key, value


def _fits(text: bytes, width: int) -> bool:
    """True if a field says it as well as a record would: records are UTF-8, fields are bytes."""
    if len(text) > width:
        return False
    try:
        return text.isascii() or not text.decode()
    except UnicodeDecodeError:
        return True


def _decimal(seconds: Fraction) -> bytes:
    whole, rest = divmod(abs(seconds), 1)
    digits = f"{int(rest * 10**_DECIMALS):0{_DECIMALS}}".rstrip("0")
    return f"{'-' if seconds < 0 else ''}{whole}{'.' if digits else ''}{digits}".encode()


def _record(key: str, value: bytes) -> bytes:
    """`<size> <key>=<value>` and a line end, where the size counts its own digits."""
    rest = b" " + _bytes(key) + b"=" + value + b"\n"
    size = len(rest)
    while size != len(rest) + len(str(size)):
        size = len(rest) + len(str(size))
    return b"%d" % size + rest


def _block(
    name: bytes,
    type_: bytes,
    *,
    size: int,
    middle: tuple[int, int, int, int] = (0o644, 0, 0, 0),
    link_name: bytes = b"",
    owners: tuple[bytes, bytes] = (b"", b""),
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """One header; `middle` are mode, uid, gid and mtime. What does not fit is cut: a record says it."""
    mode, uid, gid, mtime = middle
    fields = (
        name[:_NAME].ljust(_NAME, b"\0"),
        _number(mode, 8),
        _number(uid, 8),
        _number(gid, 8),
        _number(size, 12),
        _number(mtime, 12),
        b" " * 8,  # the checksum counts itself as spaces
        type_,
        link_name[:_NAME].ljust(_NAME, b"\0"),
        b"ustar\x0000",
        *(owner[:_OWNER].ljust(_OWNER, b"\0") for owner in owners),
        *(_number(number, 8) for number in device),
    )
    header = b"".join(fields).ljust(BLOCK, b"\0")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _number(value: int, width: int) -> bytes:
    """Octal digits; in GNU's base 256 what has no room, which pax readers take, too."""
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    base256 = value.to_bytes(width, "big", signed=True)
    return bytes([base256[0] | 0x80]) + base256[1:]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
