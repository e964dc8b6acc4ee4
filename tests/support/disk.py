"""What lies unpacked on disk, in all that a tar can say of it."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.expected import digest_of_file


@dataclass(frozen=True)
class DiskFacts:
    """One path. Files with one inode have equal `links`: all their paths."""

    mode: int  # with the type
    owner: tuple[int, int]
    size: int = 0
    sha256: str = ""
    mtime: int = 0  # whole seconds, as a TOC tells them; not of directories, which unpackers do not agree on
    target: str = ""
    device: int = 0
    xattrs: tuple[tuple[str, bytes], ...] = ()
    links: tuple[str, ...] = ()


def disk_facts(root: Path) -> Mapping[str, DiskFacts]:
    """Everything under `root`, by its path there."""
    paths = list(_below(root, ""))
    names: defaultdict[int, list[str]] = defaultdict(list)
    for path in paths:
        names[_status(root, path).st_ino].append(path)
    return {path: _facts(root, path, tuple(sorted(names[_status(root, path).st_ino]))) for path in paths}


def disk_differences(expected: Mapping[str, DiskFacts], found: Mapping[str, DiskFacts]) -> list[str]:
    """One line for each path that is not the same."""
    return [
        f"{path!r}: {found.get(path)}; expected {expected.get(path)}"
        for path in sorted(expected.keys() | found.keys())
        if expected.get(path) != found.get(path)
    ]


def _below(root: Path, folder: str) -> Iterator[str]:
    for name in os.listdir(root / folder):  # noqa: PTH208 - a name of a Path loses nothing, but joins slowly
        path = f"{folder}/{name}" if folder else name
        yield path
        if stat.S_ISDIR(_status(root, path).st_mode):
            yield from _below(root, path)


def _status(root: Path, path: str) -> os.stat_result:
    return os.lstat(f"{root}/{path}")


def _facts(root: Path, path: str, links: tuple[str, ...]) -> DiskFacts:
    status, where = _status(root, path), Path(f"{root}/{path}")
    is_file, is_link = stat.S_ISREG(status.st_mode), stat.S_ISLNK(status.st_mode)
    names = os.listxattr(where, follow_symlinks=False)
    return DiskFacts(
        status.st_mode,
        (status.st_uid, status.st_gid),
        status.st_size if is_file else 0,
        digest_of_file(where) if is_file else "",
        0 if stat.S_ISDIR(status.st_mode) else (status.st_mtime_ns + 500_000_000) // 1_000_000_000,
        os.readlink(where) if is_link else "",  # noqa: PTH115 - a Path loses "./"
        status.st_rdev,
        tuple(sorted((name, os.getxattr(where, name, follow_symlinks=False)) for name in names)),
        links if not stat.S_ISDIR(status.st_mode) else (),
    )
