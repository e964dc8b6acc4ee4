"""Who makes the columns of a layer, where several want them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.formats.columnstore import ColumnStore
from crfs_dav.names import digest_of

_LAYER = digest_of(b"layer")


def test_who_comes_second_waits_for_the_first(tmp_path: Path) -> None:
    first, second = (ColumnStore(MappedFiles(tmp_path, 1 << 20)) for _ in range(2))
    entered = threading.Event()

    def enter() -> None:
        with second.building(_LAYER, "x"):
            entered.set()

    with first.building(_LAYER, "x"):
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.5)
    waiting.join(timeout=10)
    assert entered.is_set()


def test_who_has_waited_long_goes_on_beside_one_that_never_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (ColumnStore(MappedFiles(tmp_path, 1 << 20), patience_seconds=0.1) for _ in range(2))
    with first.building(_LAYER, "x"), second.building(_LAYER, "x"):
        assert "still at it" in caplog.text


def test_another_layer_waits_for_nobody(tmp_path: Path) -> None:
    store = ColumnStore(MappedFiles(tmp_path, 1 << 20))
    with store.building(_LAYER, "x"), store.building(digest_of(b"another"), "x"), store.building(_LAYER, "y"):
        pass
