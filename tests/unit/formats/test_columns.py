"""Columns: what goes in comes out, and it takes little memory."""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.archive import Kind
from crfs_dav.formats.columns import KINDS, ChunkRow, Columns, Row
from crfs_dav.formats.entrylist import EntryList
from crfs_dav.formats.toc import load_toc
from tests.support.outlines import rows
from tests.support.stargz import Toc, go_json

DIR = KINDS.index(Kind.DIR)
LINK = KINDS.index(Kind.SYMLINK)


def columns_of(*texts: bytes, kind: int = DIR) -> Columns:
    columns = Columns()
    columns.extend([Row(text, kind) for text in texts])
    columns.finish(100)
    return columns


def test_names_and_link_names_share_a_text() -> None:
    columns = columns_of(b"a\0target", b"b", kind=LINK)

    assert rows(columns.outline()) == [("a", Kind.SYMLINK), ("b", Kind.SYMLINK)]
    assert [entry.link_name for entry in EntryList(columns)] == ["target", ""]


@given(st.lists(st.binary(max_size=9).map(lambda name: name.replace(b"\0", b""))))
def test_bytes_that_are_no_utf8_stand_as_lone_surrogates(names: list[bytes]) -> None:
    columns = columns_of(*names)

    found = [entry.name.encode("utf-8", "surrogateescape") for entry in EntryList(columns)]
    assert found == names
    assert [name for name, _ in rows(columns.outline())] == [entry.name for entry in EntryList(columns)]


def test_entries_are_a_sequence() -> None:
    entries = EntryList(columns_of(b"a", b"b", b"c"))

    assert len(entries) == 3
    assert [entry.name for entry in entries] == ["a", "b", "c"]
    assert entries[-1].name == "c"
    assert [entry.name for entry in entries[1:]] == ["b", "c"]
    with pytest.raises(IndexError):
        entries[3]


def test_texts_can_be_replaced() -> None:
    columns = columns_of(b"a", b"bb", b"ccc")
    columns.replace_texts({1: b"longer", 2: b""})

    assert [columns.text(position) for position in range(3)] == [b"a", b"longer", b""]


def test_users_beyond_what_a_column_can_number_have_no_name() -> None:
    columns = Columns()

    numbers = [columns.add_name(f"user{number}") for number in range(70_000)]

    assert numbers[:2] == [1, 2]
    assert max(numbers) == 0xFFFF
    assert numbers[-1] == 0
    assert columns.add_name("user0") == 1


@given(st.lists(st.integers(1, 99), min_size=1), st.integers(1, 99))
def test_a_member_ends_at_the_next_boundary(boundaries: list[int], offset: int) -> None:
    columns = Columns()
    for each in boundaries:
        columns.add_boundary(each)
    columns.finish(100)

    assert columns.member_end(offset) == min(each for each in [*boundaries, 100] if each > offset)


def test_chunks_that_stand_beside_others_of_their_member_are_shared() -> None:
    columns = Columns()
    columns.extend_chunks(
        [ChunkRow(offset, inner, 0, 1, 0) for offset, inner in [(5, 0), (9, 0), (9, 4), (12, 0), (15, 3)]]
    )

    assert [columns.is_shared(row) for row in range(5)] == [False, True, True, False, True]


def test_an_entry_takes_little_memory_and_no_object() -> None:
    count = 20_000
    entries: list[Toc] = []
    for number in range(count):
        digest = f"sha256:{hashlib.sha256(b'%d' % number).hexdigest()}"
        name = f"usr/lib/python3/dist-packages/package/module{number:07d}.py"
        entries.append(
            {"name": name, "type": "reg", "size": 9, "offset": 9 + number, "digest": digest, "chunkDigest": digest}
        )
    document = go_json(entries)
    pieces = [document[at : at + 65536] for at in range(0, len(document), 65536)]
    load_toc(pieces[:1] + [b""] * 0 + pieces[1:], 10**9)
    tracemalloc.start()
    try:
        toc = load_toc(pieces, 10**9)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(toc.columns) == count
    assert now / count < 220
    assert peak - now < 8 << 20
