"""A folder of the server's disk, and nothing outside of it: no link is followed, whoever makes one, and when.

Each component is opened by itself, below the one before it and without following links (openat(2) with O_NOFOLLOW),
so no race can lead out. Where a system has no such calls (Windows), what a path leads to in the end is compared.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from crfs_dav.errors import AccessDenied, CrfsError, NotFound, Unavailable
from crfs_dav.local.file import Identity, LocalFile

_HAS_OPENAT = os.open in os.supports_dir_fd and os.scandir in os.supports_fd and hasattr(os, "O_NOFOLLOW")
_DIRECTORY_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NAMES_LIMIT = 100_000


class LocalFolder:
    """Files and directories below `path`, by components; what is no regular file and no directory is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def names(self, components: Sequence[str] = ()) -> Mapping[str, bool]:
        """Names in a directory, True for those of directories; raises NotFound, AccessDenied, Unavailable."""
        try:
            directory = self._open_directory(components)
            try:
                with os.scandir(directory) as items:
                    kinds = [
                        (item.name, item.is_dir(follow_symlinks=False), item.is_file(follow_symlinks=False))
                        for item, _ in zip(items, range(_NAMES_LIMIT), strict=False)
                    ]
            finally:
                _close(directory)
        except OSError as error:
            raise self._translated(error, components) from None
        return {name: is_directory for name, is_directory, is_file in sorted(kinds) if is_directory or is_file}

    def open(self, components: Sequence[str]) -> LocalFile:
        """The regular file there, to be read; raises NotFound, AccessDenied, Unavailable."""
        try:
            directory = self._open_directory(components[:-1])
            try:
                return LocalFile("/".join(components), self._open_file(directory, components[-1]))
            finally:
                _close(directory)
        except OSError as error:
            raise self._translated(error, components) from None

    def identity(self, components: Sequence[str]) -> Identity:
        """Identity of the regular file there; raises NotFound, AccessDenied, Unavailable."""
        with self.open(components) as file:
            return file.identity

    def _open_directory(self, components: Sequence[str]) -> int | Path:
        """A descriptor of the directory, to be closed; its path, where the system has no descriptors of directories."""
        if not _HAS_OPENAT:
            return self._path_within(components)
        directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)  # the folder itself may be a link
        for component in components:
            above = directory
            try:
                directory = os.open(_checked(component), _DIRECTORY_FLAGS, dir_fd=above)
            finally:
                os.close(above)
        return directory

    def _open_file(self, directory: int | Path, name: str) -> int:
        if isinstance(directory, Path):
            descriptor = os.open(
                self._path_within([*directory.relative_to(self._path.resolve()).parts, name]), _FILE_FLAGS
            )
        else:
            descriptor = os.open(_checked(name), _FILE_FLAGS, dir_fd=directory)  # a fifo must not make us wait
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError
        return descriptor

    def _path_within(self, components: Sequence[str]) -> Path:
        root = self._path.resolve(strict=True)
        path = root.joinpath(*map(_checked, components))
        if os.path.realpath(path, strict=True) != str(path):
            raise FileNotFoundError
        return path

    def _translated(self, error: OSError, components: Sequence[str]) -> CrfsError:
        what = f"local {'/'.join(components)[:300]!r}"
        if isinstance(error, PermissionError):
            return AccessDenied(f"{what}: {error.strerror}; expected a file that the server may read")
        if isinstance(error, FileNotFoundError | NotADirectoryError) or error.errno in _NOT_THERE:
            return NotFound(f"{what}: no such file; expected one in the local folder")
        return Unavailable(f"{what}: {error.strerror}; expected to read it")


_NOT_THERE = {errno.ELOOP, errno.EMLINK, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO}  # links, odd names, sockets


def _checked(component: str) -> str:
    if component in ("", ".", "..") or "/" in component or "\0" in component or os.sep in component:
        raise FileNotFoundError
    return component


def _close(directory: int | Path) -> None:
    if isinstance(directory, int):
        os.close(directory)
