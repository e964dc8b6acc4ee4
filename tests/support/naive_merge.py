"""What unpacking layers one over the other gives: the simplest model of it, with a dict for a disk.

Two liberties, both as in the image specification: a layer's whiteouts are applied before its other entries, and a
parent directory that is no directory becomes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crfs_dav.archive import Entry, Kind
from tests.support.memory_archive import Item

Path = tuple[str, ...]
Disk = dict[Path, str]  # "dir", "-> target", or a file's text

_LINK_LIMIT = 40


def naive_merge(layers: Sequence[Sequence[Item]]) -> dict[str, str]:
    """What every path of the unpacked image is, as `tests.support.trees.listed` says it."""
    disk: Disk = {(): "dir"}
    for items in layers:
        for entry, _ in items:
            if _base(entry).startswith(".wh."):
                _apply_whiteout(disk, entry)
        for entry, data in items:
            _unpack(disk, entry, data)
    return {"/".join(path): what for path, what in disk.items() if path}


def _base(entry: Entry) -> str:
    return entry.name.rstrip("/").rpartition("/")[2]


def _apply_whiteout(disk: Disk, entry: Entry) -> None:
    parent: Path = tuple(entry.name.split("/")[:-1])
    if _base(entry) == ".wh..wh..opq":
        for path in _below(disk, parent):
            del disk[path]
    else:
        _remove(disk, (*parent, _base(entry).removeprefix(".wh.")))


def _unpack(disk: Disk, entry: Entry, data: bytes) -> None:
    *above, base = entry.name.rstrip("/").split("/")
    parent = _make_directories(disk, above)
    if parent is None or base.startswith(".wh."):
        return
    path = (*parent, base)
    if entry.kind is Kind.DIR and disk.get(path) == "dir":
        return
    _remove(disk, path)
    disk[path] = {Kind.DIR: "dir", Kind.SYMLINK: f"-> {entry.link_name}"}.get(entry.kind, data.decode())


def _make_directories(disk: Disk, names: Iterable[str]) -> Path | None:
    """The real path of a directory, made where it is missing; None for too many links."""
    path: Path = ()
    pending, links = list(names), 0
    while pending:
        name = pending.pop(0)
        here = disk.get((*path, name), "")
        if name == "..":
            path = path[:-1]
        elif name in ("", "."):
            continue
        elif here.startswith("-> "):
            links += 1
            if links > _LINK_LIMIT:
                return None
            target = here.removeprefix("-> ")
            path = () if target.startswith("/") else path
            pending = target.split("/") + pending
        else:
            path = (*path, name)
            if here != "dir":
                disk[path] = "dir"
    return path


def _remove(disk: Disk, path: Path) -> None:
    disk.pop(path, None)
    for below in _below(disk, path):
        del disk[below]


def _below(disk: Disk, path: Path) -> list[Path]:
    return [other for other in disk if len(other) > len(path) and other[: len(path)] == path]
