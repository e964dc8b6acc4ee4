"""What a client must see of an image, computed from its unpacked files on disk and nothing of ours.

The rules of the view: links are followed inside the root; a link to nowhere, to itself, or to a directory that one came
through is a file that holds the target's text; devices and fifos are empty files.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

_HOPS = 40
_SHOWN = 30  # differences named in a failure


@dataclass(frozen=True)
class Facts:
    """What is known of one path; None where a protocol does not carry it, or where no rule says it."""

    is_directory: bool
    size: int | None = None  # bytes
    sha256: str | None = None
    mtime: int | None = None  # whole seconds
    executable: bool | None = None


View = Mapping[str, Facts]  # by path relative to the root, bytes that are not UTF-8 as lone surrogates

DIRECTORY = Facts(is_directory=True)


def expected_view(root: Path) -> View:
    """The files and directories under `root` (not itself), as WebDAV clients see them."""
    return dict(_Expectation(root).walk((), "", ((),)))


def part_of(view: View, folder: str) -> View:
    """What of `view` lies below `folder`; all of it for the empty name."""
    start = f"{folder}/" if folder else ""
    return {path.removeprefix(start): facts for path, facts in view.items() if path.startswith(start)}


def differences(expected: View, seen: View) -> list[str]:
    """One line for each path that is missing, unexpected, or different in a fact that both sides know."""
    lines = [f"{path!r}: not there; expected it" for path in expected.keys() - seen.keys()]
    lines += [f"{path!r}: there; expected nothing" for path in seen.keys() - expected.keys()]
    for path in expected.keys() & seen.keys():
        for field in fields(Facts):
            wanted, found = getattr(expected[path], field.name), getattr(seen[path], field.name)
            if None not in (wanted, found) and wanted != found:
                lines.append(f"{path!r} {field.name}: {found}; expected {wanted}")
    more = len(lines) - _SHOWN
    return sorted(lines)[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])


def walk_disk(root: Path) -> dict[str, Facts]:
    """What a mounted or copied tree shows: names, sizes, contents, times, executable bits; links are not followed."""
    view = {}
    for folder, folders, files in os.walk(root):
        for name in folders:
            view[_relative(root, folder, name)] = DIRECTORY
        for name in files:
            path = Path(folder, name)
            status = path.stat(follow_symlinks=False)
            view[_relative(root, folder, name)] = _facts_of_file(status, digest_of_file(path))
    return view


def digest_of_file(path: Path) -> str:
    """Hexadecimal sha256 of a file on disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


Place = tuple[str, ...]  # a path inside the root without links, by its components


class _Expectation:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: dict[int, str] = {}  # by inode: a file behind several names is read once

    def walk(self, place: Place, shown: str, way: tuple[Place, ...]) -> Iterator[tuple[str, Facts]]:
        """Everything under the directory `place`, which is shown as `shown` and was reached through `way`."""
        for item in self._root.joinpath(*place).iterdir():
            name = item.name
            path = f"{shown}/{name}" if shown else name
            target = self._follow(place, name, way)
            if target is None:
                yield path, self._facts_of_link((*place, name))
            elif self._root.joinpath(*target).is_dir():
                yield path, DIRECTORY
                yield from self.walk(target, path, (*way, target))
            else:
                yield path, self._facts(target)

    def resolve(self, start: Place, path: str) -> Place:
        """The place that `path` leads to from `start`; raises LookupError for nowhere and for more than 40 links."""
        place, todo, hops = start, _components(path), 0
        while todo:
            name = todo.pop(0)
            if name == "..":
                place = place[:-1]
                continue
            here = self._root.joinpath(*place, name)
            if here.is_symlink():
                hops += 1
                target = _link_text(here)
                todo = _components(target) + todo
                place = () if target.startswith("/") else place
            elif here.exists():
                place = (*place, name)
            else:
                raise LookupError(f"{here}: not found")
            if hops > _HOPS:
                raise LookupError(f"{path}: more than {_HOPS} links")
        return place

    def _follow(self, place: Place, name: str, way: tuple[Place, ...]) -> Place | None:
        if not self._root.joinpath(*place, name).is_symlink():
            return (*place, name)
        try:
            target = self.resolve(place, name)
        except (LookupError, NotADirectoryError):
            return None
        return None if target in way else target

    def _facts(self, place: Place) -> Facts:
        path = self._root.joinpath(*place)
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return Facts(is_directory=False, size=0, sha256=hashlib.sha256().hexdigest(), mtime=_mtime(status))
        if status.st_ino not in self._digests:
            self._digests[status.st_ino] = digest_of_file(path)
        return _facts_of_file(status, self._digests[status.st_ino])

    def _facts_of_link(self, place: Place) -> Facts:
        path = self._root.joinpath(*place)
        text = os.fsencode(_link_text(path))
        return Facts(
            is_directory=False,
            size=len(text),
            sha256=hashlib.sha256(text).hexdigest(),
            mtime=_mtime(path.lstat()),
        )


def _link_text(link: Path) -> str:
    return os.readlink(link)  # noqa: PTH115 - a Path loses "./" and the final slash


def _components(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _relative(root: Path, folder: str, name: str) -> str:
    return str(Path(folder, name).relative_to(root))


def _facts_of_file(status: os.stat_result, digest: str) -> Facts:
    return Facts(
        is_directory=False,
        size=status.st_size,
        sha256=digest,
        mtime=_mtime(status),
        executable=bool(status.st_mode & 0o111),
    )


def _mtime(status: os.stat_result) -> int:
    nearest = (status.st_mtime_ns + 500_000_000) // 1_000_000_000  # as eStargz's writer rounds
    return max(nearest, 0)  # clients disagree on HTTP dates before 1970, so the server sends none
