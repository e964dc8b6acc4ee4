"""Sizes and names as people read them."""

from __future__ import annotations

import pytest

from crfs_dav.dav.browser.texts import human_size, natural_key


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        ((1 << 30) - 1, "1024.0 MiB"),
        (5 << 40, "5.0 TiB"),
        (1 << 80, "1048576.0 EiB"),
    ],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize("names", [["2", "10"], ["a2", "a10"], ["1", "a"], ["x٣", "x٤"], ["9" * 400, "a"]])
def test_names_sort_as_people_count(names: list[str]) -> None:
    shuffled = names[::-1]

    assert sorted(shuffled, key=natural_key) == names
