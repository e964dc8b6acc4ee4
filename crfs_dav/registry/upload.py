"""What a request carries: a `ReaderAt` as the file that `requests` sends, its length told beforehand."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, cast

from crfs_dav.readers import ReaderAt, ReaderIO
from crfs_dav.registry.deadline import Deadline

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BLOCK_SIZE = 1 << 20  # bytes read at once; urllib3 asks for 16 KiB each


def open_body(body: ReaderAt | None, what: str, deadline: Deadline) -> IO[bytes] | None:
    """`body` from its start, for one try; None where nothing is to be sent. Reading it too late raises Unavailable."""
    if body is None or body.size == 0:
        return None  # requests would send an empty file in chunks, which registries do not all read
    return cast(IO[bytes], io.BufferedReader(_Timed(body, what, deadline), _BLOCK_SIZE))


class _Timed(ReaderIO):
    def __init__(self, body: ReaderAt, what: str, deadline: Deadline) -> None:
        super().__init__(body)
        self._what = what
        self._deadline = deadline

    def readinto(self, buffer: Buffer) -> int:
        self._deadline.check(self._what)
        return super().readinto(buffer)
