"""Sets of ranges against plain sets of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.cache.ranges import RangeSet, covered, cut, lead, shared_out

SPANS = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def numbers(ranges: object) -> set[int]:
    assert isinstance(ranges, list | RangeSet)
    return {number for start, end in ranges for number in range(start, end)}


@given(st.lists(SPANS), SPANS)
def test_a_set_has_the_bytes_that_were_added_and_no_range_within_another(
    spans: list[tuple[int, int]], span: object
) -> None:
    added = RangeSet()
    for each in spans:
        added.add(each)

    assert numbers(added) == numbers(spans)
    assert list(added) == list(RangeSet(spans))
    assert sorted(end for _, end in added) == [end for _, end in added]
    assert len({start for start, _ in added}) == len(list(added))


@given(st.lists(SPANS))
def test_united_ranges_do_not_touch(spans: list[tuple[int, int]]) -> None:
    united = RangeSet()
    for each in spans:
        united.unite(each)
    ends = [number for each in united for number in each]

    assert numbers(united) == numbers(spans)
    assert ends == sorted(set(ends))


@given(st.lists(SPANS), SPANS)
def test_ranges_over_a_span_cover_what_the_set_has_of_it(spans: list[tuple[int, int]], span: tuple[int, int]) -> None:
    ranges = RangeSet(spans)
    pieces = covered(ranges.over(span), span)

    assert numbers([part for part, _ in pieces]) == numbers(spans) & numbers([span])
    assert all(known[0] <= part[0] < part[1] <= known[1] for part, known in pieces)


@given(st.lists(SPANS), st.integers(0, 90))
def test_neighbours_of_an_offset_are_the_nearest(spans: list[tuple[int, int]], offset: int) -> None:
    ranges = RangeSet(spans)

    assert ranges.end_before(offset) == max((end for _, end in ranges if end <= offset), default=0)
    assert ranges.start_after(offset, 99) == min((start for start, _ in ranges if start >= offset), default=99)


@given(st.lists(SPANS), st.integers(0, 80))
def test_the_lead_is_the_first_gap(spans: list[tuple[int, int]], start: int) -> None:
    missing = sorted(numbers([(start, 100)]) - numbers(spans))
    first, end = lead(sorted(spans), start, 100)

    assert numbers([(first, end)]) <= set(missing)
    assert (first, end == 100 or end not in missing) == (missing[0], True)


@given(SPANS, st.integers(1, 9))
def test_pieces_are_all_of_a_span(span: tuple[int, int], size: int) -> None:
    pieces, shares = cut(span, size), shared_out(span, size)

    assert numbers(pieces) == numbers(shares) == numbers([span])
    assert all(start // size == (end - 1) // size for start, end in pieces)
    assert len(shares) == -(-(span[1] - span[0]) // size)
    assert all(0 < end - start <= size for start, end in shares)


def test_nothing_is_cut_into_nothing() -> None:
    assert cut((5, 5), 3) == shared_out((5, 5), 3) == []


def test_a_discarded_range_is_gone_and_others_are_not() -> None:
    ranges = RangeSet([(0, 5), (3, 9)])
    ranges.discard((0, 4))
    ranges.discard((3, 9))

    assert list(ranges) == [(0, 5)]
