"""Threads for work that nobody asked for yet."""

from __future__ import annotations

import threading

from crfs_dav.errors import Unavailable
from crfs_dav.sparethreads import SpareThreads


def test_work_is_done_in_another_thread() -> None:
    threads, done = SpareThreads(1, "spare"), list[str]()
    assert threads.start(lambda: done.append(threading.current_thread().name))
    threads.wait()
    threads.close()

    assert done == ["spare_0"]


def test_what_finds_no_thread_is_refused_and_not_kept() -> None:
    threads, go = SpareThreads(1, "spare"), threading.Event()
    taken = threads.start(lambda: go.wait(10))
    refused = threads.start(lambda: None)
    go.set()
    threads.wait()

    assert (taken, refused, threads.start(lambda: None)) == (True, False, True)
    threads.close()


def test_a_thread_is_free_again_after_an_error() -> None:
    def fail() -> None:
        raise Unavailable("registry: down; expected an answer")

    threads = SpareThreads(1, "spare")
    for _ in range(3):
        assert threads.start(fail)
        threads.wait()
    threads.close()


def test_nothing_is_started_after_the_end() -> None:
    threads = SpareThreads(1, "spare")
    threads.close()

    assert not threads.start(lambda: None)
