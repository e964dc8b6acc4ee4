"""Checkpoints in gzip: every block's end is zlib's own, and content read from any checkpoint is the slice."""

from __future__ import annotations

import gzip
import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt
from crfs_dav.formats.limits import MIB
from crfs_dav.formats.zran import CheckpointBuilder, NoCheckpoints, inflate_span
from tests.support.deflaters import RAW, endless_block, member, random_content, random_gzip
from tests.support.zblock import block_ends, ends_found, fed

STREAMS_EACH = 100  # of each compressor


@pytest.mark.parametrize("compressor", RAW)
def test_blocks_end_where_zlib_says(compressor: str) -> None:
    chance = random.Random(compressor)
    count = 0
    for _ in range(STREAMS_EACH):
        content = random_content(chance)
        raw = RAW[compressor](content, chance)
        found, decoded = ends_found(raw, chance)
        assert decoded == content
        assert found == block_ends(raw, len(content))
        count += len(found)
    assert count > STREAMS_EACH


def built(blob: bytes, spacing: int = MIB, span_limit: int = 64 * MIB) -> tuple[CheckpointBuilder, bytes]:
    builder = CheckpointBuilder([blob], spacing=spacing, span_limit=span_limit)
    return builder, b"".join(builder.content())


def test_content_read_from_any_checkpoint_is_the_slice() -> None:
    chance = random.Random(5)
    spans = 0
    for _ in range(40):
        content = random_content(chance)
        blob = random_gzip(content, chance)
        builder = CheckpointBuilder(fed(blob, chance), spacing=chance.choice((1, 5000, 60_000)), span_limit=64 * MIB)
        assert b"".join(builder.content()) == content
        points = builder.checkpoints
        ends = [(point.start + (point.bit > 0), point.content) for point in points[1:]]
        for point, (end, content_end) in zip(points, [*ends, (builder.end, len(content))], strict=True):
            span = memoryview(blob)[point.start : end]
            assert hashlib.sha256(span).digest() == point.digest
            decoded = b"".join(inflate_span(span, point.bit, point.window))
            assert decoded[: content_end - point.content] == content[point.content : content_end]
            spans += 1
    assert spans > 200


def test_windows_hold_little_but_what_is_used() -> None:
    text = b" ".join(random.Random(1).choices([b"%d" % number for number in range(3000)], k=600_000))
    builder, _ = built(gzip.compress(text, 6))
    windows = [point.window for point in builder.checkpoints[1:]]
    assert windows
    assert sum(map(len, windows)) / len(windows) < 12_000


@pytest.mark.parametrize("after", [b"", bytes(1000), b"trash", bytes(600) + b"trash" * 2000], ids=len)
def test_what_follows_the_last_member_is_left_alone(after: bytes) -> None:
    builder, content = built(gzip.compress(b"content") + after)
    assert content == b"content"
    assert builder.end == len(gzip.compress(b"content"))


_MEMBER = gzip.compress(b"content", mtime=0)  # the same in every process: what it is made into names the tests


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (_MEMBER[:-1], "gzip member: no end"),
        (_MEMBER[:12], "gzip member: no end"),
        (_MEMBER[:-8] + bytes(8), "gzip member: CRC and size"),
        (_MEMBER[:5], "gzip member: header"),
        (bytes([0x1F, 0x8B, 8, 0xFF]) + bytes(100), "gzip member: header"),
        (bytes([0x1F, 0x8B, 8, 8]) + b"x" * (3 * MIB), "gzip member: text"),
        (_MEMBER[:10] + b"\xff" * 100, "gzip member: .*deflate data"),
    ],
)
def test_broken_members_are_corrupt(blob: bytes, message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        built(blob)


def test_one_block_without_end_has_no_checkpoints() -> None:
    with pytest.raises(NoCheckpoints, match="deflate block of more than"):
        built(member(endless_block(2 * MIB), b""), span_limit=MIB)


def test_countless_empty_blocks_have_no_checkpoints() -> None:
    empty = b"\0\0\0\xff\xff"  # stored, of no bytes
    with pytest.raises(NoCheckpoints, match="deflate blocks in"):
        built(member(empty * 100_000 + b"\1\0\0\xff\xff", b""))


@given(st.binary(max_size=2000), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_broken_bytes_raise_only_our_errors(noise: bytes, chance: random.Random) -> None:
    blob = bytearray(gzip.compress(noise * 20, 6))
    for _ in range(chance.randint(1, 4)):
        blob[chance.randrange(3, len(blob))] = chance.randrange(256)
    try:
        built(bytes(blob), spacing=1)
    except Corrupt:
        return


@pytest.mark.parametrize("behind", [b"", gzip.compress(b"more")], ids=["at the end", "before a member"])
def test_zeros_after_a_member_are_bounded(behind: bytes) -> None:
    blob = gzip.compress(b"content") + bytes(100_000)

    assert built(blob + behind, span_limit=200_000)[1] == b"content" + (b"more" if behind else b"")
    with pytest.raises(NoCheckpoints, match="zeros after a member"):
        built(blob + behind, span_limit=50_000)
