from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from crfs_dav.errors import Unavailable
from crfs_dav.lockfile import awaited_lock, held_lock, lock_by_creation

Lock = Callable[[Path, Callable[[], float]], AbstractContextManager[bool]]


@pytest.fixture(params=[held_lock, lock_by_creation], ids=["of this system", "by creation"])
def lock(request: pytest.FixtureRequest) -> Lock:
    made: Lock = request.param
    return made


def test_one_holds_it_and_the_next_only_afterwards(lock: Lock, tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with lock(path, time.time) as first, lock(path, time.time) as second:
        assert (first, second) == (True, False)
    with lock(path, time.time) as third:
        assert third


def test_it_is_let_go_when_the_work_fails(lock: Lock, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path / ".lock", time.time):
        raise ZeroDivisionError
    with lock(tmp_path / ".lock", time.time) as held:
        assert held


def test_an_abandoned_lock_is_void_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.touch()
    with lock_by_creation(path, time.time) as held:
        assert not held
    os.utime(path, (time.time() - 1000, time.time() - 1000))
    with lock_by_creation(path, time.time) as held:
        assert held


def test_an_awaited_lock_comes_when_it_is_let_go_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with held_lock(path, time.time):
            is_held.set()
            may_end.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(10)
    with pytest.raises(Unavailable, match="held by another"), awaited_lock(path, 0):
        pass
    may_end.set()
    with awaited_lock(path):
        assert path.exists()
    holder.join()
    assert not path.exists()
