"""A short run of what `python -m tests.fuzz` does at length."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import try_one
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_bytes_raise_only_our_errors(name: str) -> None:
    outcomes = {try_one(name, 7, number) for number in range(300)}

    assert outcomes <= {"read", "refused"}
    assert "refused" in outcomes or name in ("footers", "tar names")
