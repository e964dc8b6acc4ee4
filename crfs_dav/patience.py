"""How long somebody would wait for an answer: said where a request comes in, heeded where something takes long.

It is known to the thread that answers, and to those that are given its context.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_patience_seconds: ContextVar[float] = ContextVar("patience_seconds", default=float("inf"))


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Inside the `with`, nobody is to be kept waiting for longer than `seconds`, where that can be helped."""
    token = _patience_seconds.set(seconds)
    try:
        yield
    finally:
        _patience_seconds.reset(token)


def patience_seconds() -> float:
    """For which whoever is being answered would wait; without end where nobody has said."""
    return _patience_seconds.get()
