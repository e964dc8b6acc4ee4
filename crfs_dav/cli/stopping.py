"""Ctrl-C and SIGTERM as the end of a long work: at its next step, so that it can clear up behind itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from crfs_dav.convert.events import Event, OnProgress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """Somebody has had enough."""


class Stop:
    """Whether to stop: `number` is that of the signal that said so, 0 while none did."""

    def __init__(self) -> None:
        self.number = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The first signal inside is remembered; after it they do what they always do, so that a second one kills."""
        before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def watching(self, on_progress: OnProgress) -> OnProgress:
        """`on_progress`, which raises Stopped once a signal came."""

        def tell(event: Event) -> None:
            if self.number:
                raise Stopped
            on_progress(event)

        return tell

    def _take(self, number: int, frame: object) -> None:
        self.number = number
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
