"""A blob that records its reads and can break, and a store that is a dictionary."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class RecordingReader:
    """A `ReaderAt` over bytes; `reads` lists what was asked for.

    `broken` maps offsets to bytes that stand there until `forget` is told of them, as in a cache that kept rubbish.
    """

    def __init__(self, data: bytes, broken: dict[int, int] | None = None, *, heals: bool = True) -> None:
        self._data = data
        self._broken = dict(broken or {})
        self._heals = heals
        self._lock = threading.Lock()
        self.reads: list[tuple[int, int]] = []
        self.forgotten: list[tuple[int, int]] = []

    @property
    def size(self) -> int:
        return len(self._data)

    def read_at(self, offset: int, size: int) -> bytes:
        with self._lock:
            self.reads.append((offset, size))
        data = bytearray(self._data[offset : offset + size])
        for at, byte in self._broken.items():
            if offset <= at < offset + len(data):
                data[at - offset] = byte
        return bytes(data)

    def forget(self, offset: int, size: int) -> None:
        self.forgotten.append((offset, size))
        if self._heals:
            self._broken = {at: byte for at, byte in self._broken.items() if not offset <= at < offset + size}


class SlowReader(RecordingReader):
    """Gives the blob's first piece only once the gate is open."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.gate = threading.Event()
        self.passes = 0

    def read_at(self, offset: int, size: int) -> bytes:
        if offset == 0 and size > 512:
            self.passes += 1
            self.gate.wait(10)
        return super().read_at(offset, size)


class DictStore:
    """A `ByteStore` without bounds."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.values[key] = data

    def discard(self, key: str) -> None:
        self.values.pop(key, None)

    def keys(self, digest: str) -> Iterable[str]:
        return [key for key in self.values if key.startswith(f"{digest}/")]


class NoStore(DictStore):
    """A `ByteStore` with room for nothing."""

    def put(self, key: str, data: bytes) -> None:
        pass
