"""TOC JSON in batches: whatever the cuts, all entries and in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt
from crfs_dav.formats import tocjson
from crfs_dav.formats.tocjson import TocEntry, parse_entries

TRICKY = ["},{", '"},{"', "}\n,\n{", '\\"},{', "]}", '","x":[{},{', "\\", "\ufffd", "{", "}", "[", ",", "\n", "\u2028"]


def pieces_of(document: bytes, size: int) -> Iterator[bytes]:
    return (document[at : at + size] for at in range(0, len(document), size))


def entries_of(document: bytes, size: int = 64 << 10) -> list[TocEntry]:
    return [entry for batch in parse_entries(pieces_of(document, size)) for entry in batch]


def names_of(document: bytes, size: int = 64 << 10) -> list[str]:
    return [entry.name for entry in entries_of(document, size)]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tocjson, "_BATCH", 100)


STYLES: dict[str, dict[str, Any]] = {
    "go": {"indent": "\t", "ensure_ascii": False},
    "compact": {"separators": (",", ":")},
    "spaced": {"separators": (" , ", " : ")},
    "wide": {"indent": 90},
}


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("size", [1, 7, 64, 1000])
@pytest.mark.usefixtures("small_batches")
def test_entries_come_whole_and_in_order_however_the_stream_is_cut(style: dict[str, Any], size: int) -> None:
    names = [f"{text}{number}" for number in range(20) for text in TRICKY]
    document = json.dumps({"version": 1, "entries": [{"name": name, "type": "dir"} for name in names]}, **style)

    assert names_of(document.encode(), size) == names


_NAMES = st.text(st.sampled_from('{}[],:"\\\n x\ufffd\xe9'), max_size=12)


@given(st.lists(_NAMES, max_size=12), st.integers(1, 200), st.sampled_from(list(STYLES)))
@example(["},{"] * 12, 13, "compact")
def test_it_reads_what_json_reads(names: list[str], size: int, style: str) -> None:
    values = [{"name": name, "type": "reg", "xattrs": {name: "eA=="}, "future": [{}, {}]} for name in names]
    document = json.dumps({"entries": values, "version": 1, "more": [{}, {"name": "x"}]}, **STYLES[style]).encode()

    before, tocjson._BATCH = tocjson._BATCH, 64
    try:
        assert [(entry.name, entry.xattrs) for entry in entries_of(document, size)] == [
            (name, {name: "eA=="}) for name in names
        ]
    finally:
        tocjson._BATCH = before


@given(st.binary(max_size=300))
def test_any_bytes_give_entries_or_corrupt(document: bytes) -> None:
    with suppress(Corrupt):
        entries_of(document, 50)


@given(st.binary(max_size=300))
def test_any_bytes_after_a_good_start_give_entries_or_corrupt(rest: bytes) -> None:
    with suppress(Corrupt):
        entries_of(b'{"version":1,"entries":[{"name":"a","type":"dir"}' + rest, 50)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"version":1,"entries":[]}', []),
        ('{"version":1,"entries":null}', []),
        ('{"entries":[{"name":"a","type":"dir"}]}', ["a"]),
        ('{"ENTRIES":[{"name":"a","type":"dir"}]}', ["a"]),
        ('  {"version" : 1 ,\n"x":"\\"]","y":null, "entries" : [ {"name":"a","type":"dir"} ] , "z":{} }\n', ["a"]),
        ('{"meta":{"entries":[1]},"list":[1],"entries":[{"name":"a","type":"dir"}]}', ["a"]),
        ('{"version":1,"entries":[{"name":"a","type":"dir","size":null}],"tarSplitDigest":"x"}', ["a"]),
    ],
)
def test_documents_of_all_shapes_are_read(document: str, expected: list[str]) -> None:
    assert names_of(document.encode()) == expected


GOOD = '{"name":"a","type":"dir"}'
ODD = '{"NAME":"a","type":"dir"}'


@pytest.mark.parametrize("entry", [GOOD, ODD], ids=["fast", "slow"])
@pytest.mark.parametrize(
    "document",
    [
        '{"entries":[E',
        '{"entries":[E]',
        '{"entries":[E}',
        '{"entries":[E,]}',
        '{"entries":[,E]}',
        '{"entries":[E E]}',
        '{"entries":[E]}x',
        '{"entries":[E]}{}',
        '{"entries":[E],}',
        '{"entries":[E],"x":}',
        '{"entries":[E,1]}',
        '{"entries":[E,[]]}',
        '{"entries":[E,null]}',
    ],
)
def test_what_is_no_json_or_no_toc_is_corrupt(document: str, entry: str) -> None:
    with pytest.raises(Corrupt, match=r"TOC: .*; expected"):
        names_of(document.replace("E", entry).encode())


@pytest.mark.parametrize(
    "document",
    ["", " ", "[]", "1", '"x"', "null", "{}", '{"version":1}', '{"entries":1}', '{"entries":{}}', "{", "\ufeff{}"],
)
def test_documents_that_are_no_toc_are_corrupt(document: str) -> None:
    with pytest.raises(Corrupt, match=r"TOC: .*; expected"):
        names_of(document.encode())


def test_an_endless_entry_is_left_with_little_in_memory() -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"entries":[{"name":"'
        for _ in range(1000):
            yield b"x" * 65536
        raise AssertionError

    with pytest.raises(Corrupt, match="TOC: entry longer than"):
        for _ in parse_entries(endless()):
            pass


def test_entries_that_never_begin_are_left_with_little_in_memory() -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"x":"'
        for _ in range(1000):
            yield b"x" * 65536
        raise AssertionError

    with pytest.raises(Corrupt, match=r"TOC: no entries in [0-9]+ bytes"):
        for _ in parse_entries(endless()):
            pass


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_deep_nesting_is_corrupt(text: str) -> None:
    for document in (text, '{"entries":[' + text, '{"entries":[{"name":"a","type":"dir","x":' + text):
        with pytest.raises(Corrupt):
            names_of(document.encode())
