"""Entries taken by the batch come to the same as those taken one by one."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.archive import Entry
from crfs_dav.formats.entrylist import EntryList
from crfs_dav.formats.toc import OddNames, load_toc
from crfs_dav.names import digest_of
from tests.support.stargz import Toc, go_json

_END = 10_000
_DIGESTS = [str(digest_of(bytes([number]))) for number in range(3)]
_ODD: Toc = {"name": "odd", "type": "nothing that there is"}  # beside it, few entries are taken one by one
_OFFSETS = st.integers(1, _END - 1)
_OWNERS: dict[str, st.SearchStrategy[Any]] = {
    "uid": st.integers(-1, 2),
    "gid": st.integers(0, 2),
    "userName": st.sampled_from(["", "me", "you"]),
    "groupName": st.sampled_from(["", "us"]),
    "mode": st.sampled_from([0, 0o644, 0o104755]),
    "modtime": st.sampled_from(["", "2024-03-01T10:00:00Z", "then"]),
    "xattrs": st.sampled_from([{}, {"user.a": "AP8="}]),
}
_NAMES = st.text("ab/é", min_size=1, max_size=9)
_OTHERS = st.fixed_dictionaries(
    {"name": _NAMES, "type": st.sampled_from(["dir", "symlink", "hardlink", "fifo"])},
    optional={"linkName": _NAMES, "size": st.integers(0, 9), "offset": _OFFSETS, "digest": st.just("x"), **_OWNERS},
)


@st.composite
def _files(draw: st.DrawFn) -> Toc:
    digest = draw(st.sampled_from(["", *_DIGESTS]))
    return {
        "name": draw(_NAMES),
        "type": "reg",
        "size": draw(st.integers(0, 3000)),
        "offset": draw(_OFFSETS),
        "innerOffset": draw(st.sampled_from([0, 0, 512])),
        "chunkSize": draw(st.sampled_from([0, 0, 7])),
        "endOffset": draw(st.sampled_from([0, 0, 77, _END])),
        "digest": digest,
        "chunkDigest": draw(st.sampled_from(["", digest])),
        **draw(st.fixed_dictionaries({}, optional=_OWNERS)),
    }


_STRANGE: dict[str, Toc] = {
    "a later chunk": {"name": "a", "type": "chunk", "offset": 9, "chunkOffset": 4, "chunkDigest": _DIGESTS[0]},
    "a chunk with a digest of its own": {
        "name": "a",
        "type": "reg",
        "size": 9,
        "offset": 9,
        "digest": _DIGESTS[0],
        "chunkDigest": _DIGESTS[1],
    },
    "a chunk of zeros": {"name": "a", "type": "reg", "size": 9, "offset": 9, "chunkType": "zeros"},
    "a chunk beyond the end": {"name": "a", "type": "reg", "size": 9, "offset": _END},
    "a negative size": {"name": "a", "type": "reg", "size": -9, "offset": 9},
    "a size beyond reason": {"name": "a", "type": "reg", "size": 1 << 62, "offset": 9},
    "a size that no column holds": {"name": "a", "type": "reg", "size": 1 << 70, "offset": 9},
    "a digest of a directory": {"name": "a", "type": "dir", "digest": _DIGESTS[0]},
    "a digest of another kind": {"name": "a", "type": "reg", "size": 9, "offset": 9, "digest": "md5:00"},
    "a digest with a space": {"name": "a", "type": "reg", "digest": _DIGESTS[0][:-1] + " "},
    "a digest in the wrong place": {"name": "a", "type": "reg", "digest": "ab" + _DIGESTS[0][:-2]},
    "a name that was no UTF-8": {"name": "a\ufffd", "type": "dir"},
    "a target that was no UTF-8": {"name": "a", "type": "symlink", "linkName": "\ufffd"},
    "a name with NUL": {"name": "a\0b", "type": "dir"},
    "a target with NUL": {"name": "a", "type": "symlink", "linkName": "a\0b"},
    "a name that is too long": {"name": "n" * 256, "type": "dir"},
    "no name": {"name": "", "type": "dir"},
    "a name of the format's own": {"name": "./hidden", "type": "reg"},
}
_TOCS = st.lists(_OTHERS | _files() | st.sampled_from(list(_STRANGE.values())), max_size=20)


class _Found(NamedTuple):
    entries: list[Entry]
    chunks: list[object]
    has_digest: list[bool]
    ends: list[int]
    odd_names: OddNames
    skipped: int


def _found(entries: list[Toc]) -> _Found:
    toc = load_toc([go_json(entries)], _END, hidden=frozenset({"hidden"}))
    columns, odd = toc.columns, toc.odd_names
    chunks: list[object] = [
        [
            (chunk.offset, chunk.inner_offset, chunk.file_offset, chunk.size, columns.digest(chunk.digest))
            for chunk in map(columns.chunk_row, columns.chunk_rows(position))
        ]
        for position in range(len(columns))
    ]
    ends = [columns.member_end(offset) for offset in range(1, _END, 7)]
    digests = [columns.digest_position(position) > 0 for position in range(len(columns))]
    return _Found(list(EntryList(columns)), chunks, digests, ends, odd, toc.skipped)


def _one_by_one(entries: list[Toc]) -> _Found:
    found = _found([*entries, _ODD])
    return found._replace(skipped=found.skipped - 1)


@given(_TOCS)
def test_a_batch_comes_to_the_same_as_its_entries_one_by_one(entries: list[Toc]) -> None:
    assert _found(entries) == _one_by_one(entries)


def test_digests_that_are_right_only_together_are_none() -> None:
    first, second = _DIGESTS[:2]
    texts = (first[:-4], first[-4:] + second)
    found = _found([{"name": f"f{number}", "type": "reg", "digest": text} for number, text in enumerate(texts)])

    assert [entry.digest for entry in found.entries] == [None, None]


@pytest.mark.parametrize("what", _STRANGE)
def test_what_is_strange_is_found_among_many_that_are_not(what: str) -> None:
    usual: list[Toc] = [
        {"name": f"f{number}", "type": "reg", "size": 9, "offset": 9 + number, "digest": _DIGESTS[0]}
        for number in range(100)
    ]
    found = _found([*usual[:50], _STRANGE[what], *usual[50:]])
    few = _one_by_one([*usual[40:50], _STRANGE[what], *usual[50:60]])

    end = 40 + len(few.entries)
    assert found.entries[40:end] == few.entries
    assert found.chunks[40:end] == few.chunks
    assert found.has_digest[40:end] == few.has_digest
    assert found.skipped == few.skipped
