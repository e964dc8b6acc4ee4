"""Pieces made by another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt
from crfs_dav.formats.piped import piped


@given(st.lists(st.integers(1, 400_000), max_size=20))
def test_pieces_come_as_they_were_made(sizes: list[int]) -> None:
    made = [bytes([number]) * size for number, size in enumerate(sizes)]

    assert list(piped(made)) == made


def test_another_thread_makes_them() -> None:
    makers = []

    def pieces() -> Iterator[bytes]:
        makers.append(threading.current_thread())
        yield b"1"

    assert list(piped(pieces())) == [b"1"]
    assert makers != [threading.current_thread()]


@pytest.mark.parametrize("error", [Corrupt("broken"), SystemExit(1)], ids=["error", "exit"])
def test_what_making_them_raises_comes_out_here(error: BaseException) -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(1 << 20)
        raise error

    found = piped(pieces())

    assert next(found) == bytes(1 << 20)
    with pytest.raises(type(error)):
        next(found)


def test_only_a_few_are_made_ahead() -> None:
    made = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            made.append(number)
            yield bytes(1 << 20)

    found = piped(pieces())
    next(found)
    found.close()  # type: ignore[attr-defined]  # a generator

    assert len(made) <= 6


def test_no_thread_is_left() -> None:
    list(piped([b"1"]))

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pipe")]
