"""Digests taken by another thread."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt
from crfs_dav.formats.hashing import hashed

_LEFT_OPEN = """
import time
from crfs_dav.formats.hashing import hashed

class Slow:
    def update(self, piece):
        time.sleep(0.3)

pieces = hashed((bytes(1 << 18) for _ in range(99)), Slow())
for _ in range(5):
    next(pieces)
try:
    raise ValueError
except ValueError as error:  # as a traceback holds what was under way
    error.held, error.itself = pieces, error
    del pieces
"""


@given(st.lists(st.integers(1, 400_000), max_size=20))
def test_the_digest_is_that_of_all_pieces(sizes: list[int]) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    digest = hashlib.sha256()

    assert list(hashed(pieces, digest)) == pieces
    assert digest.digest() == hashlib.sha256(b"".join(pieces)).digest()


def test_what_the_pieces_raise_comes_out() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"1"
        raise Corrupt("broken")

    found = hashed(pieces(), hashlib.sha256())

    assert next(found) == b"1"
    with pytest.raises(Corrupt, match="broken"):
        next(found)


def test_no_thread_is_left_whether_it_comes_to_its_end_or_not() -> None:
    found = hashed(iter([bytes(1 << 20)] * 20), hashlib.sha256())
    next(found)
    found.close()  # type: ignore[attr-defined]  # a generator
    list(hashed([b"1"], hashlib.sha256()))

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hash")]


def test_a_process_that_leaves_it_open_ends_all_the_same() -> None:
    assert subprocess.run([sys.executable, "-c", _LEFT_OPEN], timeout=60, check=False).returncode == 0
