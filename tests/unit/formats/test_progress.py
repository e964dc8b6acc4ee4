"""What is told of a pass over a blob while it goes on: text, time left, and names; never more than is allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crfs_dav.formats.progress import Progress, Report, Reporter

MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(progress: Progress, pieces: int, size: int) -> Iterator[bytes]:
    """The rest of a blob of `size` bytes, after `pieces` of a MiB each have been read."""
    reading = progress.counted(iter([bytes(MIB)] * (size // MIB)), size)
    for _ in range(pieces):
        next(reading)
    return reading


def test_it_says_how_much_has_been_read_and_how_many_entries_that_were() -> None:
    progress = Progress()
    reading = taken(progress, 120, 355 * MIB)
    progress.add(Report(12041, []))
    error = progress.underway("layer x")

    assert str(error) == "layer x: being read, 120 of 355 MiB, 12,041 entries so far; expected it to be done"
    assert len(list(reading)) == 355 - 120


def test_it_says_that_others_read_it_or_that_nobody_does_yet() -> None:
    progress = Progress()
    assert str(progress) == "waiting for its turn to be read"
    progress.wait_for_others()
    assert str(progress) == "being read by another process"
    progress.begin()
    assert str(progress) == "being read from its start"


@pytest.mark.parametrize(
    ("seconds", "pieces", "left"),
    [(3.0, 3, 9.0), (0.1, 3, 1.0), (60.0, 1, 30.0), (60.0, 0, 5.0), (4.0, 12, 1.0)],
    ids=["at the rate so far", "at least", "at most", "unknown", "done"],
)
def test_who_waits_is_told_when_it_may_be_done(seconds: float, pieces: int, left: float) -> None:
    clock = Clock()
    progress = Progress(clock=clock)
    reading = taken(progress, pieces, 12 * MIB)
    if not pieces:
        next(progress.counted([], 12 * MIB), None)
    clock.now += seconds

    assert progress.underway("x").retry_after_seconds == pytest.approx(left)
    reading.close()  # type: ignore[attr-defined]  # of generators


def test_names_stand_in_their_directories_those_that_are_only_implied_too() -> None:
    progress = Progress()
    progress.add(Report(4, ["./etc/", "etc/passwd", "usr/bin/env", "usr/bin/env", "../odd", "etc"]))

    assert progress.names_in(()) == ["etc", "etc/", "usr/"]
    assert progress.names_in(("etc",)) == ["passwd"]
    assert progress.names_in(("usr", "bin")) == ["env"]
    assert progress.names_in(("none",)) == []


def test_only_so_many_names_are_remembered() -> None:
    progress = Progress()
    progress.add(Report(60_000, [f"d{number}/f" for number in range(60_000)]))
    long = Progress()
    long.add(Report(20_000, [f"{number:0250d}/{number:0250d}" for number in range(20_000)]))

    assert len(progress.names_in(())) == 25_000
    assert 0 < len(long.names_in(())) < 10_000


def test_a_look_at_what_is_below_a_path_goes_on_from_there() -> None:
    progress = Progress()
    progress.add(Report(1, ["usr/bin/env"]))
    error = progress.underway("x").below(("usr",)).below(("bin",))

    assert error.names_in(()) == ["env"]
    assert str(error) == str(progress.underway("x"))


def test_a_reporter_tells_every_name_once_also_where_they_are_odd() -> None:
    heard: list[Report] = []
    names = [b"n%d" % number for number in range(100)] + [b"\xff"]
    with Reporter(heard.append) as tell:
        for name in names:
            tell(name)
        while not heard or heard[-1].names[-1:] != ["\ufffd"]:
            pass

    assert [name for report in heard for name in report.names] == [*(f"n{number}" for number in range(100)), "\ufffd"]
    assert {report.entries for report in heard} == {101}
    assert max(len(report.names) for report in heard) <= 32
