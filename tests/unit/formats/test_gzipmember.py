"""Members inflated in small pieces."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt
from crfs_dav.formats import gzipmember
from crfs_dav.formats.gzipmember import PIECE, cut, inflate, inflate_whole, prefix


@pytest.fixture(params=["zlib-ng", "zlib"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "zlib":
        monkeypatch.setattr(gzipmember, "engine", zlib)


@pytest.mark.parametrize("content", [b"", b"a", bytes(10 << 20), os.urandom(1 << 20), b"ab" * PIECE])
def test_pieces_are_small_never_empty_and_make_up_the_content(content: bytes) -> None:
    pieces = list(inflate(cut(gzip.compress(content))))

    assert b"".join(pieces) == content
    assert all(0 < len(piece) <= PIECE for piece in pieces)


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_input_may_come_in_any_pieces(content: bytes, size: int) -> None:
    data = gzip.compress(content)

    assert b"".join(inflate(data[at : at + size] for at in range(0, len(data), size))) == content


def test_it_ends_with_its_member() -> None:
    assert b"".join(inflate([gzip.compress(b"1") + gzip.compress(b"2")])) == b"1"


def test_nothing_is_read_after_the_end() -> None:
    def compressed() -> Iterator[bytes]:
        yield gzip.compress(b"1")
        raise AssertionError

    assert b"".join(inflate(compressed())) == b"1"


@pytest.mark.parametrize("size", range(20))
def test_a_member_cut_short_is_corrupt(size: int) -> None:
    with pytest.raises(Corrupt, match="no end; expected a whole member"):
        list(inflate([gzip.compress(b"1")[:size]]))


def test_a_wrong_crc_is_corrupt() -> None:
    data = bytearray(gzip.compress(b"123"))
    data[-5] ^= 1

    with pytest.raises(Corrupt, match="CRC"):
        list(inflate([bytes(data)]))


@given(st.binary(max_size=100))
def test_any_bytes_give_pieces_or_corrupt(data: bytes) -> None:
    with suppress(Corrupt):
        list(inflate([data]))


@pytest.mark.parametrize(("size", "expected"), [(0, b""), (1, b"a"), (3, b"abc"), (4, b"abcd"), (9, b"abcde")])
def test_prefix_takes_so_much_and_no_more(size: int, expected: bytes) -> None:
    assert prefix(iter([b"ab", b"c", b"de"]), size) == expected


@given(st.binary(min_size=1, max_size=5000), st.integers(0, 9))
def test_a_whole_member_gives_what_its_pieces_give(content: bytes, level: int) -> None:
    assert bytes(inflate_whole(memoryview(gzip.compress(content, level)), len(content)) or b"") == content


_MEMBER = gzip.compress(b"abc" * 1000)


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (_MEMBER, 2999),
        (_MEMBER[:-1], 3000),
        (_MEMBER[:-8] + bytes(4) + _MEMBER[-4:], 3000),  # another CRC
        (_MEMBER[:-4] + (2999).to_bytes(4, "little"), 3000),  # says that it is smaller
        (_MEMBER[:-4] + (3001).to_bytes(4, "little"), 4000),  # or larger
        (_MEMBER + b"trash", 4000),
        (gzip.compress(b""), 4000),
        (b"", 4000),
    ],
    ids=["too large", "cut", "wrong", "smaller", "larger", "trash", "empty", "nothing"],
)
def test_what_is_not_one_whole_member_is_left_to_pieces(data: bytes, limit: int) -> None:
    assert inflate_whole(memoryview(data), limit) is None


def test_where_libdeflate_is_not_installed_all_is_left_to_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzipmember, "libdeflate", None)

    assert inflate_whole(memoryview(_MEMBER), 3000) is None
