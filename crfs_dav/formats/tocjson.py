"""TOC JSON, as it streams in, to batches of `TocEntry`.

Specification: stargz-snapshotter `docs/estargz.md`, "TOC". The fast way cuts the stream between two entries and
decodes each part as a typed list. What it stumbles over (keys in other case, null, bytes that are not UTF-8, lone
surrogates; Go's JSON takes them all) is decoded entry by entry by the standard library, which also knows for sure
where an entry ends. Memory is bounded by the longest entry allowed, whatever comes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from crfs_dav.errors import Corrupt

_BATCH = 256 << 10  # bytes of JSON decoded at once
_ENTRY_LIMIT = 2 << 20  # bytes of JSON of one entry; names and xattrs are bounded far below
_HEAD_LIMIT = 1 << 20  # bytes of JSON before the entries; also of a whole document of unusual shape
_CUT_TRIES = 64
_OPENING = b'{"entries":['

# Possessive on single characters only: Python up to 3.11.4 fails possessive groups (python/cpython#106052).
_SCALAR = rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*"|[^\s"{}\[\],:]++)'
_HEAD = re.compile(rb'\s*+\{(?:\s*+"[^"\\]*+"\s*+:\s*+' + _SCALAR + rb'\s*+,)*\s*+(?i:"entries")\s*+:\s*+\[', re.DOTALL)
_SPACES = re.compile(r"[ \t\r\n]*")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_ERRORS = (ValueError, RecursionError)  # msgspec's errors are ValueErrors


class TocEntry(msgspec.Struct, gc=False, rename="camel"):
    """One element of `entries`; keys that say nothing to us (`NumLink`, `devMajor` …) are left out."""

    name: str
    type: str
    size: int = 0
    modtime: str = ""
    link_name: str = ""
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user_name: str = ""
    group_name: str = ""
    offset: int = 0
    inner_offset: int = 0
    chunk_offset: int = 0
    chunk_size: int = 0
    end_offset: int = 0  # zstd:chunked; 0 = not said
    chunk_type: str = ""  # zstd:chunked; "zeros" for a hole
    digest: str = ""
    chunk_digest: str = ""
    xattrs: dict[str, str | None] | None = None


class _Document(msgspec.Struct):
    entries: list[TocEntry]


_LIST_DECODER = msgspec.json.Decoder(list[TocEntry])
_DOCUMENT_DECODER = msgspec.json.Decoder(_Document)
_OBJECT_DECODER = json.JSONDecoder()
_INT_KEYS = {field.encode_name.lower(): field.name for field in msgspec.structs.fields(TocEntry) if field.type is int}
_STR_KEYS = {field.encode_name.lower(): field.name for field in msgspec.structs.fields(TocEntry) if field.type is str}


def parse_entries(pieces: Iterable[bytes]) -> Iterator[list[TocEntry]]:
    """Entries of the TOC whose JSON comes in `pieces`, in batches; raises Corrupt."""
    stream = iter(pieces)
    buffer = bytearray()
    if not _skip_head(buffer, stream):
        yield _unusual_document(buffer)
        return
    wanted = _BATCH
    for piece in stream:
        buffer += piece
        if len(buffer) < wanted:
            continue
        entries, used = _take(buffer)
        wanted = _BATCH if used else 2 * len(buffer)
        if len(buffer) - used > _ENTRY_LIMIT:
            raise Corrupt(f"TOC: entry longer than {_ENTRY_LIMIT} bytes; expected a short JSON object")
        del buffer[:used]
        yield entries
    yield _finish(buffer)


def _skip_head(buffer: bytearray, stream: Iterator[bytes]) -> bool:
    """True when `buffer` begins with the first entry; False when all of a small document is in it instead."""
    for piece in stream:
        buffer += piece
        head = _HEAD.match(buffer)
        if head is not None:
            del buffer[: head.end()]
            return True
        if len(buffer) > _HEAD_LIMIT:
            raise Corrupt(f"TOC: no entries in {len(buffer)} bytes; expected them near the start")
    return False


def _take(buffer: bytearray) -> tuple[list[TocEntry], int]:
    """Entries at the start of `buffer` and the count of bytes that they and the commas after them take."""
    cut = _last_cut(buffer)
    if cut:
        try:
            return _LIST_DECODER.decode(b"[" + buffer[:cut] + b"]"), cut + 1
        except _JSON_ERRORS:
            pass
    entries, used, _ = _take_slowly(buffer)
    return entries, used


def _last_cut(buffer: bytearray) -> int:
    """Offset of the last comma between what seems to be two objects, 0 where none is near the end.

    It may lie inside a name; then the part before it is no JSON, and the slow way finds the truth.
    """
    end = len(buffer)
    for _ in range(_CUT_TRIES):
        end = buffer.rfind(b"{", 0, end)
        if end <= 0:
            return 0
        before = buffer[max(0, end - 64) : end].rstrip()
        if before.endswith(b",") and before[:-1].rstrip().endswith(b"}"):
            return buffer.rfind(b",", 0, end)
    return 0


def _take_slowly(buffer: bytearray) -> tuple[list[TocEntry], int, bool]:
    """As `_take`, entry by entry, and whether the bracket that closes the list follows them."""
    text = buffer.decode("utf-8", "surrogateescape")
    entries: list[TocEntry] = []
    used = at = _skip_spaces(text, 0)
    closed = text.startswith("]", at)
    while not closed and at < len(text):
        try:
            value, at = _OBJECT_DECODER.raw_decode(text, at)
        except _JSON_ERRORS:
            break
        at = _skip_spaces(text, at)
        closed = text.startswith("]", at)
        if not closed and not text.startswith(",", at):
            break
        entries.append(_lenient_entry(value))
        used = at = _skip_spaces(text, at + (not closed))
    return entries, len(text[:used].encode("utf-8", "surrogateescape")), closed


def _skip_spaces(text: str, at: int) -> int:
    spaces = _SPACES.match(text, at)
    return spaces.end() if spaces else at


def _finish(buffer: bytearray) -> list[TocEntry]:
    """Entries in the last of the document: all that follows the last cut."""
    try:
        return _DOCUMENT_DECODER.decode(_OPENING + buffer).entries
    except _JSON_ERRORS:
        entries, used, closed = _take_slowly(buffer)
    rest = buffer[used + 1 :] if closed else b""
    try:
        json.loads(b'{"entries":[]' + rest.decode("utf-8", "replace").encode())
    except _JSON_ERRORS as error:
        raise Corrupt(f"TOC: {error}; expected JSON up to its end") from None
    return entries


def _unusual_document(buffer: bytearray) -> list[TocEntry]:
    """Entries of a document of any shape that Go would take: an empty list spelled null, other keys first."""
    try:
        document = json.loads(buffer.decode("utf-8", "surrogateescape"))
    except _JSON_ERRORS as error:
        raise Corrupt(f"TOC: {error}; expected JSON") from None
    values = _lower_keys(document).get("entries", ()) if isinstance(document, dict) else ()
    if values is None:
        return []
    if not isinstance(values, list):
        raise Corrupt(f"TOC: {str(document)[:60]!r}; expected an object with a list of entries")
    return [_lenient_entry(value) for value in values]


def _lenient_entry(value: Any) -> TocEntry:
    """An entry as Go's decoder takes it: keys in any case, the last one wins, null is as good as none.

    A number that is none becomes -1, which no reader accepts; text that is none becomes empty.
    """
    if not isinstance(value, dict):
        raise Corrupt(f"TOC: entry {str(value)[:60]!r}; expected an object")
    found = {key: each for key, each in _lower_keys(value).items() if each is not None}
    values: dict[str, Any] = {"name": "", "type": ""}
    values |= {name: _clean_text(found[key]) for key, name in _STR_KEYS.items() if key in found}
    values |= {name: _clean_int(found[key]) for key, name in _INT_KEYS.items() if key in found}
    if not values["name"] and not values["type"]:
        raise Corrupt(f"TOC: entry with keys {sorted(value)[:8]}; expected a name and a type")
    return TocEntry(**values, xattrs=_clean_xattrs(found.get("xattrs")))


def _lower_keys(value: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): each for key, each in value.items()}


def _clean_text(value: Any) -> str:
    return _LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def _clean_int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _clean_xattrs(value: Any) -> dict[str, str | None] | None:
    if not isinstance(value, dict):
        return None
    return {_clean_text(key): _clean_text(text) for key, text in value.items()}
