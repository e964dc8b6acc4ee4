"""A skeleton as named parts, plain values that lie in a file as well as in memory: loading one makes no objects.

names … counts    the columns of `Skeleton`
implied           4 each: rows of directories that the archive does not list
unresolved        4 each: rows of hard links whose targets are not in the layer
target_ends       4 each: where such a target ends in `targets`; it begins where the one before ends
targets           their paths, components joined by slashes
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Mapping

from crfs_dav.errors import Corrupt
from crfs_dav.tree.skeleton import NO_POSITION, Path, Skeleton, decode_name, encode_name

COLUMN_TYPES: Mapping[str, str] = {  # struct's letters
    "names": "B",
    "ends": "I",
    "parents": "I",
    "positions": "i",
    "kinds": "B",
    "order": "I",
    "starts": "I",
    "counts": "I",
    "implied": "I",
}
PART_TYPES: Mapping[str, str] = {**COLUMN_TYPES, "unresolved": "I", "target_ends": "I", "targets": "B"}


def dump_skeleton(skeleton: Skeleton) -> Mapping[str, memoryview]:
    """The parts of `skeleton`, each of its type in PART_TYPES."""
    targets, target_ends = bytearray(), array("I")
    for path in skeleton.unresolved.values():
        targets += encode_name("/".join(path))
        target_ends.append(len(targets))
    parts = {name: getattr(skeleton, name) for name in COLUMN_TYPES}
    parts |= {"unresolved": array("I", skeleton.unresolved), "target_ends": target_ends, "targets": targets}
    return {name: memoryview(part) for name, part in parts.items()}


def load_skeleton(parts: Mapping[str, memoryview], entry_count: int) -> Skeleton:
    """What `dump_skeleton` made `parts` of, for an archive of so many entries; raises Corrupt where it cannot be."""
    rows = {len(parts[name]) for name in ("ends", "parents", "positions", "kinds", "starts", "counts")}
    count = len(parts["kinds"])
    if rows != {count} or count == 0 or parts["ends"][-1] != len(parts["names"]):
        raise Corrupt(f"tree: {count} rows in columns of other sizes; expected equal ones")
    are_inside = all(max(parts[name], default=0) < count for name in ("order", "implied", "unresolved"))
    are_listed = min(parts["positions"]) >= NO_POSITION and max(parts["positions"]) < entry_count
    if not are_inside or not are_listed:
        raise Corrupt(f"tree: rows beyond {count}, or entries beyond {entry_count}; expected what there is")
    if parts["parents"][0] or not all(map(operator.lt, parts["parents"][1:], range(1, count))):
        raise Corrupt("tree: a row before its parent; expected parents first")
    columns = {name: parts[name] for name in COLUMN_TYPES}
    return Skeleton(**columns, unresolved=_unresolved(parts))


def _unresolved(parts: Mapping[str, memoryview]) -> Mapping[int, Path]:
    rows, ends, targets = parts["unresolved"], parts["target_ends"], bytes(parts["targets"])
    if len(rows) != len(ends) or (ends[-1] if ends else 0) != len(targets):
        raise Corrupt(f"tree: {len(ends)} targets of {len(rows)} links; expected one of each")
    try:
        paths = [decode_name(targets[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    except UnicodeDecodeError as error:
        raise Corrupt(f"tree: {error}; expected targets") from None
    return {row: tuple(path.split("/")) for row, path in zip(rows, paths, strict=True)}
