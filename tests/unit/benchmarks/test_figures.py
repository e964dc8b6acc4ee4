"""What the benchmark's table says of its figures."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import Against, Figure, document, growth_table, results, table

FASTER = Figure(3, "GET", "1/s", 900, {"peer": Against(1000, 0.75)})
SLOWER = Figure(3, "GET", "1/s", 500, {"peer": Against(1000, 0.75)})
SOONER = Figure(7, "first byte", "s", 0.2, {"peer": Against(20, 20.0), "limit": Against(0.1)})


@pytest.mark.parametrize(("figure", "ratio"), [(FASTER, 0.9), (SLOWER, 0.5), (SOONER, 100)])
def test_a_ratio_above_one_is_better_for_rates_and_times_alike(figure: Figure, ratio: float) -> None:
    assert figure.ratio("peer") == pytest.approx(ratio)


def test_the_ratio_of_several_rounds_is_the_median_of_their_ratios() -> None:
    rounds = [[Figure(1, "x", "s", ours, {"peer": Against(theirs)})] for ours, theirs in ((1, 1), (2, 8), (4, 8))]
    (result,) = results(rounds)

    assert (result.ours.median, result.theirs("peer").median, result.ratio("peer").median) == (2, 8, 2)


def test_ends_are_the_least_and_the_most_of_all_rounds() -> None:
    (result,) = results([[FASTER], [SLOWER], [FASTER]])

    assert (result.ours.least, result.ours.median, result.ours.most) == (500, 900, 900)


@pytest.mark.parametrize(("figure", "verdict"), [(FASTER, "met"), (SLOWER, "missed")])
def test_a_target_is_met_from_its_ratio_on(figure: Figure, verdict: str) -> None:
    (result,) = results([[figure]])

    assert result.verdict("peer") == verdict


def test_who_is_no_target_has_no_verdict() -> None:
    (result,) = results([[SOONER]])

    assert result.verdict("limit") == ""


def test_the_table_has_a_line_for_each_peer_and_names_the_work_once() -> None:
    head, *lines = table(results([[SOONER]])).splitlines()

    assert head.split()[:3] == ["row", "work", "ours"]
    assert [line.split()[-2:] for line in lines] == [["20.00", "met"], ["-", "0.50"]]
    assert ["first byte" in line for line in lines] == [True, False]


def test_the_document_says_what_the_table_says() -> None:
    (row,) = document(results([[FASTER], [SLOWER], [FASTER]]))

    assert row["ours"] == {"median": 900, "least": 500, "most": 900}
    assert row["against"] == {
        "peer": {
            "theirs": {"median": 1000, "least": 1000, "most": 1000},
            "ratio": {"median": 0.9, "least": 0.5, "most": 0.9},
            "target": 0.75,
            "verdict": "met",
        }
    }


def test_sizes_of_one_work_stand_beside_one_another() -> None:
    sizes = [Figure(1, f"listing, warm, {count:,}", "ms", count / 100) for count in (100, 1000, 10_000)]

    _, line = growth_table(results([sizes])).splitlines()

    assert line.split() == ["1", "listing,", "warm", "ms", "100:", "1", "1,000:", "10", "10,000:", "100"]
