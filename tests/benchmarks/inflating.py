"""The limit for streaming: the same members inflated in this process, and nothing done with what comes out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import deflate
from zlib_ng import zlib_ng

from tests.benchmarks.data import BIG, BIG_SIZE
from tests.benchmarks.members import layout_of

_PIECE = 64 << 10


def inflate_rates(layer: Path) -> Mapping[str, float]:
    """MB/s of content of the big file in `layer`, on one thread, by library."""
    blob = memoryview(layer.read_bytes())
    members = [blob[each.start : each.end] for each in layout_of(layer).members if each.name == BIG]
    inflaters: Mapping[str, Callable[[memoryview], int]] = {
        "zlib-ng, 64 KiB pieces": _zlib_ng,
        "isal, 64 KiB pieces": _isal,
        "libdeflate, whole chunks": lambda member: len(deflate.gzip_decompress(member)),
    }
    return {name: _rate(inflate, members) for name, inflate in inflaters.items()}


def sha256_rate(content: Path) -> float:
    """MB/s on one thread at which what comes out is verified: no digest no byte, so this bounds one thread as well."""
    data = content.read_bytes()
    started = time.perf_counter()
    hashlib.sha256(data)
    return len(data) / (time.perf_counter() - started) / 1e6


def _rate(inflate: Callable[[memoryview], int], members: list[memoryview]) -> float:
    started = time.perf_counter()
    size = sum(map(inflate, members))
    seconds = time.perf_counter() - started
    if size < BIG_SIZE:
        raise AssertionError(f"inflate: {size} bytes; expected at least {BIG_SIZE}")
    return size / seconds / 1e6


def _zlib_ng(member: memoryview) -> int:
    return _by_pieces(zlib_ng.decompressobj(31), member)


def _isal(member: memoryview) -> int:
    from isal import isal_zlib  # nothing else of the tests needs it

    return _by_pieces(isal_zlib.decompressobj(31), member)


def _by_pieces(inflater: Any, member: memoryview) -> int:
    size = 0
    for piece in _pieces(member):
        size += len(inflater.decompress(piece, _PIECE))
        while inflater.unconsumed_tail:
            size += len(inflater.decompress(inflater.unconsumed_tail, _PIECE))
    return size + len(inflater.flush())


def _pieces(member: memoryview) -> Iterator[memoryview]:
    return (member[at : at + _PIECE] for at in range(0, len(member), _PIECE))
