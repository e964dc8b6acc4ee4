"""Guesses are paid for by reading: they grow where they prove right, and cost little where they do not."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from crfs_dav.cache.foresight import CREDIT_LIMIT, FIRST_CREDIT, Foresight


def test_there_is_little_credit_before_anything_was_read() -> None:
    assert Foresight().credit == FIRST_CREDIT


def test_what_had_to_be_fetched_earns_its_size() -> None:
    foresight = Foresight()
    foresight.ask((0, 1000), 700)

    assert foresight.credit == FIRST_CREDIT + 700


def test_a_guess_spends_its_size_and_earns_it_back_with_profit_where_it_was_right() -> None:
    foresight = Foresight()
    foresight.ask((0, 1000), 1000)
    foresight.spend((1000, 1400))
    before = foresight.credit

    assert (before, foresight.ask((900, 1100), 0), foresight.credit) == (FIRST_CREDIT + 600, 100, FIRST_CREDIT + 1200)


def test_what_was_guessed_counts_once() -> None:
    foresight = Foresight()
    foresight.ask((0, 1000), 1000)
    foresight.spend((1000, 1400))

    assert [foresight.ask((1000, 1250), 0), foresight.ask((1000, 1250), 0), foresight.ask((0, 9000), 0)] == [
        250,
        0,
        150,
    ]


def test_credit_has_an_end() -> None:
    foresight = Foresight()
    foresight.ask((0, 1 << 40), 1 << 40)

    assert foresight.credit == CREDIT_LIMIT


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers())
def test_of_scattered_reads_no_more_than_twice_what_was_asked_for_is_fetched(seed: int) -> None:
    foresight, chance = Foresight(), random.Random(seed)
    asked = guessed = 0
    for number in range(200):
        start = number * 1_000_000
        size = chance.randrange(1, 50_000)
        foresight.ask((start, start + size), size)
        guess = chance.randrange(foresight.credit + 1)
        foresight.spend((start + size, start + size + guess))
        asked, guessed = asked + size, guessed + guess

        assert guessed <= asked + FIRST_CREDIT
