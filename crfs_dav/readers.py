"""Bytes by offset (`ReaderAt`), memories of bytes (`ByteStore`), and small adapters between them.

Every reader here may be used from any number of threads at once.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

if TYPE_CHECKING:
    from typing_extensions import Buffer

_STREAM_PIECE = 4 << 20  # bytes


@runtime_checkable
class ReaderAt(Protocol):
    """Immutable bytes read by offset, from any thread."""

    @property
    def size(self) -> int:
        """Bytes in all, known without I/O."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `min(size, self.size - offset)` bytes, `b""` from the end on; never short: raises a CrfsError."""
        ...


@runtime_checkable
class Forgetful(Protocol):
    """A `ReaderAt` that remembers what it read, and can be told that it remembers rubbish."""

    def forget(self, offset: int, size: int) -> None:
        """Drop what is remembered of bytes `[offset, offset+size)`: the next read asks the source again."""
        ...


class Remembering(Protocol):
    """A reader, or a file to be read, that can tell how its content begins without asking anyone."""

    def kept_start(self, size: int) -> bytes:
        """The first bytes, at most `size` of them, as far as they are in memory; verified."""
        ...


class Farsighted(Protocol):
    """A `ReaderAt` that asks its source for less and more at once, where it knows what will be read."""

    def expecting(self, end: int) -> ReaderAt:
        """The same bytes, for one who reads on up to `end`; for one thread."""
        ...


@runtime_checkable
class Prefetching(Protocol):
    """A `ReaderAt` that can ask its source before somebody waits for the answer."""

    def prefetch(self, offset: int, size: int) -> None:
        """Have bytes `[offset, offset+size)` fetched if they are not at hand; returns at once, and never raises."""
        ...


@runtime_checkable
class Streamable(Protocol):
    """A reader whose source can be asked once for much."""

    def stream(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Bytes `[offset, offset+size)`, by default up to the end, in pieces as they arrive.

        Raises a CrfsError where they end early.
        """
        ...


class ByteStore(Protocol):
    """A bounded memory of byte strings; any key may vanish at any time.

    Keys are `<digest>/<rest>`: they name immutable content, so values never go stale. `<rest>` is made of
    `[a-z0-9.-]`.
    """

    def get(self, key: str) -> bytes | None:
        """Bytes kept under `key`, or None."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, if there is room for it. Never raises: a memory that fails forgets."""
        ...

    def discard(self, key: str) -> None:
        """Forget `key`, if it is known."""
        ...

    def keys(self, digest: str) -> Iterable[str]:
        """Keys now kept that begin with `<digest>/`, in no order."""
        ...


class BytesReader:
    """A `ReaderAt` over a byte string."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self._data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, fewer only at the end."""
        return self._data[offset : offset + size]

    def kept_start(self, size: int) -> bytes:
        """The first `size` bytes."""
        return self._data[:size]


class Section:
    """A `ReaderAt` over `size` bytes of another one, from `offset` on."""

    def __init__(self, reader: ReaderAt, offset: int, size: int) -> None:
        self._reader = reader
        self._offset = offset
        self._size = max(0, min(size, reader.size - offset))

    @property
    def size(self) -> int:
        """Bytes of the section."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)` of the section, fewer only at its end."""
        size = min(size, self._size - offset)
        return self._reader.read_at(self._offset + offset, size) if size > 0 else b""

    def expecting(self, end: int) -> ReaderAt:
        """The same section, for one who reads on up to `end`."""
        reader = expecting(self._reader, self._offset + min(end, self._size))
        return self if reader is self._reader else Section(reader, self._offset, self._size)

    def forget(self, offset: int, size: int) -> None:
        """Pass the word on to the reader below."""
        forget(self._reader, self._offset + offset, size)


class ReaderIO(io.RawIOBase):
    """A `ReaderAt` as a seekable binary file; for one thread at a time, like any file."""

    def __init__(self, reader: ReaderAt) -> None:
        super().__init__()
        self._reader = reader
        self._offset = 0

    def readable(self) -> bool:
        """True: that is all it does."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Offset after the move; raises ValueError before the start."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._reader.size}[whence]
        if origin + offset < 0:
            raise ValueError(f"seek: {origin + offset}; expected an offset from 0 on")
        self._offset = origin + offset
        return self._offset

    def readinto(self, buffer: Buffer) -> int:
        """Count of bytes read into `buffer`, 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._reader.read_at(self._offset, len(view))
        view[: len(data)] = data
        self._offset += len(data)
        return len(data)


def expecting(reader: ReaderAt, end: int) -> ReaderAt:
    """`reader` for one who reads on up to `end`: for one thread, where that makes a difference."""
    return reader.expecting(end) if _is_farsighted(reader) else reader


def prefetch(reader: ReaderAt, offset: int, size: int) -> None:
    """Have bytes `[offset, offset+size)` of `reader` fetched, where it can do so before they are asked for."""
    if isinstance(reader, Prefetching):
        reader.prefetch(offset, size)


def stream(reader: ReaderAt, offset: int = 0, size: int | None = None) -> Generator[bytes, None, None]:
    """Bytes `[offset, offset+size)` of `reader`, by default up to its end, in pieces.

    With one question to its source, where it can. Raises as `reader`.
    """
    end = reader.size if size is None else min(offset + size, reader.size)
    if isinstance(reader, Streamable):
        yield from reader.stream(offset, end - offset)
        return
    for start in range(offset, end, _STREAM_PIECE):
        yield reader.read_at(start, min(_STREAM_PIECE, end - start))


def kept_start(content: object, size: int) -> bytes:
    """First bytes of `content` as far as they are in memory, `b""` where it has none; costs no I/O."""
    return content.kept_start(size) if _is_remembering(content) else b""


def forget(reader: ReaderAt, offset: int, size: int) -> bool:
    """Make `reader` forget bytes `[offset, offset+size)`; False where it has no memory and asking again is no use."""
    if not isinstance(reader, Forgetful):
        return False
    reader.forget(offset, size)
    return True


def _is_farsighted(reader: ReaderAt) -> TypeGuard[Farsighted]:
    return hasattr(reader, "expecting")  # a tenth of what isinstance costs, and every request asks


def _is_remembering(content: object) -> TypeGuard[Remembering]:
    return hasattr(content, "kept_start")
