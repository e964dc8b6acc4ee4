"""Reading ahead is paid for by reading: it grows where guesses prove right, and never doubles what was asked for."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from crfs_dav.cache.foresight import LEAP, WINDOW, Foresight


def guess_after(foresight: Foresight, start: int, end: int, *, fetched: int) -> int:
    """Bytes guessed after a read of `[start, end)`, of which `fetched` were not at hand."""
    window = foresight.window((start, end), fetched)
    first, last = foresight.spend((end, end + window))
    return last - first


def test_nothing_is_guessed_before_anything_was_read() -> None:
    assert Foresight().spend((0, 1000)) == (0, 0)


def test_guesses_that_prove_right_grow_up_to_the_window() -> None:
    foresight = Foresight()
    guesses, at, size = [], 0, 100_000
    ahead = 0
    for _ in range(60):
        ahead = guess_after(foresight, at, at + size, fetched=max(0, size - ahead))
        at, size = at + size, max(size, ahead)
        guesses.append(ahead)

    assert guesses[0] < guesses[5] < guesses[10]
    assert max(guesses) == WINDOW


def test_a_read_that_nobody_foresaw_is_followed_by_a_small_guess_at_most() -> None:
    foresight = Foresight()
    foresight.window((0, 1 << 30), 1 << 30)

    assert foresight.window((5 << 30, (5 << 30) + 1000), 1000) == LEAP


def test_what_was_guessed_counts_once() -> None:
    foresight = Foresight()
    guess_after(foresight, 0, 1000, fetched=1000)
    foresight.window((1000, 1250), 0)
    before = foresight.credit
    foresight.window((1000, 1250), 0)

    assert foresight.credit == before


def test_a_guess_is_made_whole_or_not_at_all_where_that_is_asked() -> None:
    foresight = Foresight()
    foresight.window((0, 4000), 4000)

    assert [foresight.spend_all((9000, 10_001)), foresight.spend_all((9000, 10_000))] == [False, True]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(), st.booleans())
def test_no_more_than_twice_what_was_asked_for_is_fetched(seed: int, is_local: bool) -> None:
    foresight, chance = Foresight(), random.Random(seed)
    asked: set[int] = set()
    fetched: set[int] = set()
    at = 0
    for _ in range(200):
        at = at + chance.randrange(3) if is_local else chance.randrange(100_000)
        wanted = set(range(at, at + chance.randrange(1, 50)))
        window = foresight.window((min(wanted), max(wanted) + 1), len(wanted - fetched))
        fetched |= wanted
        asked |= wanted
        at = max(wanted) + 1
        fetched |= set(range(*foresight.spend((at, at + window))))

        assert len(fetched) <= 2 * len(asked)
