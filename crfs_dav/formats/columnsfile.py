"""Columns as the bytes of one file: a part for each column, one for the names of owners, and parts of other kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from crfs_dav.errors import Corrupt
from crfs_dav.formats.columns import COLUMN_TYPES, Columns
from crfs_dav.formats.partsfile import Dump, PartsFile, dump_parts, load_parts

_OWNER_NAMES = "owner_names"  # JSON: a list of texts
_ENTRY_COLUMNS = frozenset(
    {"text_ends", "kinds", "modes", "uids", "gids", "users", "groups", "mtimes", "sizes", "entry_digests", "xattrs"}
)
_CHUNK_COLUMNS = frozenset({"offsets", "inner_offsets", "file_offsets", "chunk_sizes", "chunk_digests"})


@dataclass(frozen=True)
class ColumnsFile:
    """What one file holds: columns, parts of another kind as plain bytes, facts as texts."""

    columns: Columns
    extra: Mapping[str, memoryview] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def dump_columns(file: ColumnsFile, key: str) -> Dump:
    """The bytes of the file; `key` says what it was made of."""
    names = msgspec.json.encode(list(file.columns.owner_names))
    extra = {f"+{name}": part for name, part in file.extra.items()}
    return dump_parts({**file.columns.parts, _OWNER_NAMES: names, **extra}, file.facts, key)


def load_columns(data: memoryview, key: str) -> ColumnsFile:
    """What `dump_columns` wrote of `key`, without copying it; raises Corrupt for anything else."""
    file = load_parts(data, key)
    parts = {name: file.part(name, kind) for name, kind in COLUMN_TYPES.items()}
    _check_shape(parts)
    outline_id = f"{key.rpartition('/')[2]}.{file.crc:08x}"
    columns = Columns.of_parts(parts, _owner_names(file), outline_id=outline_id)
    extra = {name[1:]: part for name, part in file.parts.items() if name.startswith("+")}
    return ColumnsFile(columns, extra, file.facts)


def _owner_names(file: PartsFile) -> list[str]:
    try:
        return msgspec.json.decode(file.part(_OWNER_NAMES, "B"), type=list[str])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt(f"columns file: {error}; expected names of owners") from None


def _check_shape(parts: Mapping[str, memoryview]) -> None:
    count = len(parts["kinds"])
    rows = [len(parts[name]) for name in COLUMN_TYPES if name in _ENTRY_COLUMNS]
    chunk_rows = [len(parts[name]) for name in COLUMN_TYPES if name in _CHUNK_COLUMNS]
    text_size = parts["text_ends"][-1] if count else 0
    if {*rows, len(parts["first_chunks"]) - 1} != {count} or len({*chunk_rows}) != 1 or text_size != len(parts["text"]):
        raise Corrupt(f"columns file: {count} entries in columns of other sizes; expected equal ones")
