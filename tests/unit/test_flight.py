"""One flight a key."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from crfs_dav.errors import NotFound
from crfs_dav.flight import SingleFlight


def test_ten_callers_of_one_key_load_once() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    started, release = threading.Event(), threading.Event()
    loads: list[int] = []

    def load() -> int:
        loads.append(1)
        started.set()
        release.wait(5)
        return 7

    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(flights.run, "key", load)
        started.wait(5)
        others = [pool.submit(flights.run, "key", load) for _ in range(9)]
        release.set()

        results = {future.result(5) for future in (first, *others)}

    assert results == {7}
    assert len(loads) <= 2  # a caller that came after the landing flies again; nobody flies beside another


def test_waiters_get_the_error_of_the_flight() -> None:
    flights: SingleFlight[str, int] = SingleFlight()

    def load() -> int:
        raise NotFound("gone")

    with pytest.raises(NotFound, match="gone"):
        flights.run("key", load)


def test_nothing_is_kept_after_landing() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    numbers = iter((1, 2))

    assert [flights.run("key", lambda: next(numbers)) for _ in range(2)] == [1, 2]
