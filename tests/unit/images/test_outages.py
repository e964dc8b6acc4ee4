"""A registry that is down is complained of once."""

from __future__ import annotations

import pytest

from crfs_dav.errors import Unavailable
from crfs_dav.images.outages import Outages
from crfs_dav.names import parse_registry

ONE, OTHER = parse_registry("one.example"), parse_registry("other.example")


def test_each_registry_is_complained_of_once_in_ten_minutes(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    outages = Outages(clock=lambda: now[0])
    for seconds in (0, 5, 599, 600, 601):
        now[0] = seconds
        for registry in (ONE, OTHER):
            outages.report(registry, Unavailable(f"dead at {seconds}"))

    assert [record.getMessage() for record in caplog.records] == [
        f"registry {registry}: showing what was seen of it before: dead at {seconds}"
        for seconds in (0, 600)
        for registry in (ONE, OTHER)
    ]
