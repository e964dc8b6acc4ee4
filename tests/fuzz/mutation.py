"""Honest bytes made dishonest: a few changes of the kinds that parsers stumble over."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_BLOCK = 512
_ODD = [
    b"",
    b"\0",
    b"\xff",
    b"-1",
    b"0",
    b"9" * 25,
    b"1e999",
    b"null",
    b"{}",
    b"[]",
    b'"',
    b"\\ud800",
    b"\xed\xa0\x80",
    b"../../x",
    b"/",
    b"7" * 11 + b"\0",
    b"\x80" + b"\xff" * 11,
    b"\xff" * 12,
    b"GNU.sparse.map=1,2,3\n",
    b"18446744073709551615",
    b"9223372036854775807",
    b"true",
    b'"chunk"',
    b'"reg"',
    b"STARGZ",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"x" * 600,
]


def mutated(honest: bytes, random: Random, *, fix_checksums: bool = False) -> bytes:
    """`honest` with one to six changes; with `fix_checksums`, what may be a tar header has a checksum that fits."""
    data = bytearray(honest)
    for _ in range(random.randint(1, 6)):
        random.choice(_CHANGES)(data, random)
    if fix_checksums and random.random() < 0.9:
        _fix(data)
    return bytes(data)


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _overwrite(data: bytearray, random: Random) -> None:
    odd, at = random.choice(_ODD), random.randrange(len(data) + 1)
    data[at : at + len(odd)] = odd


def _insert(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice(_ODD)


def _cut(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    del data[at : at + random.choice((1, 2, 8, 100, _BLOCK, len(data)))]


def _repeat(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = bytes(data[at : at + random.choice((1, 10, 100, _BLOCK))]) * random.randint(1, 3)


_CHANGES: tuple[Callable[[bytearray, Random], None], ...] = (_flip, _set, _set, _overwrite, _insert, _cut, _repeat)


def _fix(data: bytearray) -> None:
    for start in range(0, len(data) - _BLOCK + 1, _BLOCK):
        if data[start + 257 : start + 262] == b"ustar":
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + _BLOCK])
