"""Long work in the background: who waits how long, and what is heard meanwhile."""

from __future__ import annotations

import threading

import pytest

from crfs_dav.errors import Underway
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.progress import Progress, Report
from crfs_dav.patience import patience


def test_who_has_less_patience_hears_at_once_how_far_it_is_and_later_gets_the_result() -> None:
    passes, progress, gate = Passes(patience_seconds=60), Progress(), threading.Event()

    def work() -> int:
        progress.add(Report(2, ["etc/", "etc/passwd"]))
        gate.wait(60)
        return 7

    with patience(0.01), pytest.raises(Underway) as caught:
        passes.run("layer x", work, progress)
    gate.set()

    assert caught.value.progress in ("being read from its start", "waiting for its turn to be read")
    assert passes.run("layer x", work, progress) == 7
    assert caught.value.names_in(("etc",)) == ["passwd"]


def test_a_third_piece_of_work_waits_for_its_turn() -> None:
    passes, gate = Passes(patience_seconds=0.05), threading.Event()
    for key in ("one", "two"):
        with pytest.raises(Underway, match="being read from its start"):
            passes.run(key, lambda: gate.wait(60))
    with pytest.raises(Underway, match="three: waiting for its turn to be read; expected it to be done"):
        passes.run("three", lambda: gate.wait(60))
    gate.set()
