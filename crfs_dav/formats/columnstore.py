"""Columns that outlive the process: kept as files by what they were made of, mapped when they are wanted again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Protocol

from crfs_dav.errors import Corrupt
from crfs_dav.formats.columnsfile import ColumnsFile, dump_columns, load_columns
from crfs_dav.names import Digest

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 0.2  # between two looks whether another has done the work
_PATIENCE_SECONDS = 600.0  # and until it is done twice: a registry that trickles must not keep a layer from all others

Pieces = Sequence[bytes | memoryview]
Work = Callable[[str | None], Iterable[bytes | memoryview] | None]


class FileStore(Protocol):
    """Where files are kept and mapped; any key may vanish at any time. Never raises: a store that fails forgets."""

    def get(self, key: str) -> memoryview | None:
        """The file kept under `key`, unchecked, or None."""
        ...

    def put(self, key: str, pieces: Pieces) -> None:
        """Keep `pieces` as one file under `key`, if there is room for it."""
        ...

    def discard(self, key: str) -> None:
        """Forget `key`, if it is known."""
        ...

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """Whether `key` is ours to make inside the `with`, among all processes that share the files."""
        ...

    def draft(self, key: str) -> Path | None:
        """Where another process may write what `adopt` is then to keep under `key`; None where there is no place."""
        ...

    def adopt(self, key: str, draft: Path) -> memoryview:
        """The file at `draft`, which is kept under `key`, if there is room for it, and gone from where it was."""
        ...


class NoFiles:
    """A `FileStore` that keeps nothing."""

    def get(self, key: str) -> memoryview | None:
        """None."""
        return None

    def put(self, key: str, pieces: Pieces) -> None:
        """Nothing."""

    def discard(self, key: str) -> None:
        """Nothing."""

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """True: there is nobody to share with."""
        return nullcontext(True)

    def draft(self, key: str) -> Path | None:
        """None."""
        return None

    def adopt(self, key: str, draft: Path) -> memoryview:
        """What is in the file."""
        return memoryview(draft.read_bytes())


class ColumnStore:
    """Columns of layers, by the layer's digest and `what` they are: format, its version, the TOC's digest."""

    def __init__(self, files: FileStore, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._files = files
        self._patience_seconds = patience_seconds

    def load(self, layer: Digest, what: str) -> ColumnsFile | None:
        """Columns that were kept, checked; None where there are none, or no sound ones, which are removed."""
        key = f"{layer}/{what}"
        data = self._files.get(key)
        if data is None:
            return None
        try:
            return load_columns(data, key)
        except Corrupt as error:
            logger.warning("index %s: %s; making it again", key, error)
            self._files.discard(key)
            return None

    def save(self, layer: Digest, what: str, file: ColumnsFile) -> ColumnsFile:
        """Keep columns, if there is room: then those that are kept, out of this process's memory; else the same."""
        key = f"{layer}/{what}"
        self._files.put(key, list(dump_columns(file, key)))
        return self.load(layer, what) or file

    @contextmanager
    def building(self, layer: Digest, what: str) -> Iterator[None]:
        """Inside the `with`, nobody else makes these columns; who had to wait for that finds them made, maybe.

        Who has waited for minutes makes them beside the other.
        """
        end = time.monotonic() + self._patience_seconds
        while True:
            with self._files.claim(f"{layer}/{what}") as is_ours:
                is_late = not is_ours and time.monotonic() > end
                if is_late:
                    logger.warning("index %s/%s: another is still at it; making it as well", layer, what)
                if is_ours or is_late:
                    yield
                    return
            time.sleep(_WAIT_SECONDS)

    def build(
        self, layer: Digest, what: str, work: Callable[[str | None], Iterable[bytes | memoryview] | None]
    ) -> ColumnsFile:
        """What `work` makes, which is kept if there is room: pieces, or None once they are in a file at its argument.

        Raises what `work` raises, and Corrupt where it made something else.
        """
        key = f"{layer}/{what}"
        draft = self._files.draft(key)
        try:
            pieces = work(None if draft is None else str(draft))
            if pieces is None and draft is not None:
                return load_columns(self._files.adopt(key, draft), key)
        finally:
            if draft is not None:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
        data = memoryview(b"".join(pieces or ()))
        self._files.put(key, [data])
        return load_columns(data, key)
