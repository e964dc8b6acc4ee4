"""Layers made to do harm: bounded memory, a clear error, nothing else harmed.

Sizes here are such that a run takes seconds. Memory does not grow with them: with 10 GiB and 2,000,000 entries it was
measured by hand.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.archives import Member, dir_, file, header_of, tar_of, targz_of
from tests.support.measured import Outcome, measured_open
from tests.support.stargz import Crafter, go_json
from tests.support.zstdchunked import frame

MIB = 1 << 20
MEMORY_LIMIT = 150 * MIB
NOISE = random.Random(9).randbytes(3 * MIB)
TAR = tar_of(dir_("d/"), file("d/f", NOISE), file("z", b"end"))
ZEROS = 512 * MIB


def bomb() -> bytes:
    """A file of half a gibibyte of zeros in half a mebibyte: members of 64 MiB each."""
    start = gzip.compress(header_of(Member("zeros", data=b"").claiming(ZEROS), "pax"), mtime=0)
    return (
        start + gzip.compress(bytes(64 * MIB), 9, mtime=0) * (ZEROS // (64 * MIB)) + gzip.compress(bytes(1024), mtime=0)
    )


def one_endless_block() -> bytes:
    """One member whose content is one fixed-code deflate block without end: nowhere to begin but at its start."""
    head = bytes.fromhex("1f8b0800000000000003")
    return head + b"\x4b" + b"\x04" * (4 * MIB)


def many_entries() -> bytes:
    return targz_of(b"".join(header_of(file(f"{number:07}"), "pax") for number in range(60_000)) + bytes(1024))


def deep_paths() -> bytes:
    deep = [dir_("d/" * depth + "x") for depth in range(1, 2000, 7)]
    return targz_of(tar_of(*deep, *(file(f"{'e/' * 190}{number}/f") for number in range(3000))))


def pax_bomb() -> bytes:
    """Extensions of a mebibyte each, sixteen before each header."""
    records = {f"k{number}": b"v" * 1000 for number in range(1000)}
    return targz_of(tar_of(*(file(f"{number}").with_records(records) for number in range(60))))


def endless_pax() -> bytes:
    return targz_of(tar_of(Member("x", b"x", b"").claiming(8**11 - 1), end=b"") + bytes(MIB))


def big_toc(entries: int = 60_000) -> bytes:
    crafter = Crafter().file("f", b"1")
    toc = [*crafter.entries, *({"name": f"{number:07}/", "type": "dir"} for number in range(entries))]
    return crafter.build(document=go_json(toc))


def toc_bomb() -> bytes:
    return Crafter().file("f", b"1").build(document=b'{"entries":[' + b" " * (200 * MIB) + b"]}")


LAYERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (bomb, ""),
    "one endless block": (one_endless_block, "Corrupt: "),
    "many entries": (many_entries, ""),
    "deep paths": (deep_paths, ""),
    "large pax records": (pax_bomb, ""),
    "endless pax records": (endless_pax, "Corrupt: .*extension of [0-9]+ bytes; expected at most"),
    "large toc": (big_toc, ""),
    "corrupt gzip": (lambda: _flipped(targz_of(TAR)), "Corrupt: "),
    "truncated gzip": (lambda: targz_of(TAR)[:-1000], "Corrupt: .*no end; expected a whole member"),
    "truncated zstd": (lambda: frame(TAR)[:-1000], "Corrupt: .*no end; expected a whole frame"),
    "tar that ends early, gzipped": (lambda: targz_of(TAR[: 2 * MIB]), "Corrupt: .*tar: end of stream"),
    "tar that ends early": (
        lambda: TAR[: 2 * MIB],
        "Corrupt: .*tar: end of stream with [0-9]+ bytes of payload to come",
    ),
}


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def opened(folder: Path, blob: bytes, limits: dict[str, int] | None = None, **options: int) -> Outcome:
    path = folder / "blob"
    path.write_bytes(blob)
    return measured_open(path, limits, **options)


@pytest.mark.parametrize(("make", "error"), LAYERS.values(), ids=LAYERS)
def test_memory_is_bounded_and_the_error_is_clear(tmp_path: Path, make: Callable[[], bytes], error: str) -> None:
    outcome = opened(tmp_path, make())

    assert max(outcome.grown, outcome.helpers) < MEMORY_LIMIT
    if error:
        assert re.match(error, outcome.error), outcome
    else:
        assert (outcome.error, outcome.entries > 0) == ("", True)


@pytest.mark.parametrize(
    ("make", "limits", "error"),
    [
        (bomb, {"content": 64 * MIB}, "OverLimit: .*more than 67108864 bytes"),
        (many_entries, {"entries": 10_000}, "OverLimit: .*more than 10000 entries"),
        (toc_bomb, {"toc_inflated": 10 * MIB, "content": 64 * MIB}, "OverLimit: .*more than 67108864 bytes"),
    ],
)
def test_what_is_over_a_bound_is_left_and_the_bound_is_named(
    tmp_path: Path, make: Callable[[], bytes], limits: dict[str, int], error: str
) -> None:
    outcome = opened(tmp_path, make(), limits)

    assert re.match(error, outcome.error), outcome
    assert max(outcome.grown, outcome.helpers) < MEMORY_LIMIT


@pytest.mark.parametrize(
    ("make", "limits"), [(big_toc, {"entries": 10_000}), (toc_bomb, {"toc_inflated": 10 * MIB})], ids=["large", "bomb"]
)
def test_a_layer_whose_toc_is_over_a_bound_is_the_tar_that_it_also_is(
    tmp_path: Path, make: Callable[[], bytes], limits: dict[str, int]
) -> None:
    outcome = opened(tmp_path, make(), limits)

    assert (outcome.entries, outcome.error) == (2, "")
    assert max(outcome.grown, outcome.helpers) < MEMORY_LIMIT


@pytest.mark.parametrize("blob", [frame(TAR), targz_of(TAR)], ids=["zstd", "gzip"])
def test_a_disk_that_is_full_is_told_or_done_without(tmp_path: Path, blob: bytes) -> None:
    outcome = opened(tmp_path, blob, file_size=MIB // 2)

    assert outcome.entries == 3 or outcome.error.startswith("NoRoom: spool: File too large"), outcome
