"""Opened things: kept while there is room, opened once."""

from __future__ import annotations

import pytest

from crfs_dav.errors import Unavailable
from crfs_dav.images.kept import Kept


def test_a_kept_value_is_not_loaded_again() -> None:
    kept: Kept[str, str] = Kept(10, len)
    kept.get("a", lambda: "value")

    assert kept.get("a", lambda: "other") == "value"


def test_least_recently_used_goes_first() -> None:
    kept: Kept[str, str] = Kept(4, len)
    kept.get("a", lambda: "aa")
    kept.get("b", lambda: "bb")
    kept.get("a", lambda: "not asked")
    kept.get("c", lambda: "cc")

    assert kept.get("a", lambda: "again") == "aa"
    assert kept.get("b", lambda: "again") == "again"


def test_a_value_too_heavy_for_all_is_kept_alone() -> None:
    kept: Kept[str, str] = Kept(4, len)
    kept.get("a", lambda: "aa")
    kept.get("big", lambda: "bbbbbbbb")

    assert kept.get("big", lambda: "again") == "bbbbbbbb"
    assert kept.get("a", lambda: "again") == "again"


def test_errors_are_not_kept() -> None:
    kept: Kept[str, str] = Kept(4, len)

    def fail() -> str:
        raise Unavailable("dead")

    with pytest.raises(Unavailable):
        kept.get("a", fail)
    assert kept.get("a", lambda: "back") == "back"
