"""Columns that outlive the process: kept as files by what they were made of, mapped when they are wanted again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from crfs_dav.errors import Corrupt
from crfs_dav.formats.columnsfile import ColumnsFile, dump_columns, load_columns
from crfs_dav.names import Digest

logger = logging.getLogger(__name__)


class FileStore(Protocol):
    """Where files are kept and mapped; any key may vanish at any time. Never raises: a store that fails forgets."""

    def get(self, key: str) -> memoryview | None:
        """The file kept under `key`, unchecked, or None."""
        ...

    def put(self, key: str, pieces: Sequence[bytes | memoryview]) -> None:
        """Keep `pieces` as one file under `key`, if there is room for it."""
        ...

    def discard(self, key: str) -> None:
        """Forget `key`, if it is known."""
        ...


class NoFiles:
    """A `FileStore` that keeps nothing."""

    def get(self, key: str) -> memoryview | None:
        """None."""
        return None

    def put(self, key: str, pieces: Sequence[bytes | memoryview]) -> None:
        """Nothing."""

    def discard(self, key: str) -> None:
        """Nothing."""


class ColumnStore:
    """Columns of layers, by the layer's digest and `what` they are: format, its version, the TOC's digest."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

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

    def save(self, layer: Digest, what: str, file: ColumnsFile) -> None:
        """Keep columns, if there is room."""
        key = f"{layer}/{what}"
        self._files.put(key, dump_columns(file, key))
