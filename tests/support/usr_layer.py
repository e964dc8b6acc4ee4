"""A large plain layer made of this machine's own /usr: as many of its files, in order of their names, as fill it."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tests.support.kept import kept

_FOLDERS = ("bin", "include", "lib", "share")
_SIZE = 355_000_000  # bytes, packed


def usr_layer() -> Path:
    """The layer, packed as by `gzip -6`; kept from one run to the next."""
    return kept("usr-v2.tar.gz", _make)


def _make(path: Path) -> None:
    with path.open("wb") as file:
        _fill(_Packed(file))


class _Packed:
    """A file to write to, packed on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._packer = zlib.compressobj(6, wbits=31)
        self.size = 0

    def write(self, data: bytes) -> int:
        """Count of bytes taken."""
        self.size += self._file.write(self._packer.compress(data))
        return len(data)

    def close(self) -> None:
        """Write what is left."""
        self._file.write(self._packer.flush())


def _fill(packed: _Packed) -> None:
    file: Any = packed  # all that is asked of it is there
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for path in _files():
            if packed.size > _SIZE:
                break
            tar.add(path, recursive=False, filter=_plain)
    packed.close()


def _files() -> Iterator[Path]:
    for folder in _FOLDERS:
        for directory, directories, files in os.walk(Path("/usr", folder)):
            directories.sort()
            yield from (Path(directory, name) for name in sorted(files))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member
