"""Names that the TOC spells with U+FFFD, from tar headers, for a bounded price."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.formats.limits import Limits
from crfs_dav.formats.tarheaders import TarNames, parse_headers
from tests.support.archives import dir_, estargz_of, file, tar_of
from tests.support.outlines import rows
from tests.support.recording import RecordingReader
from tests.support.stargz import Crafter, content, gnu_long, names_of, open_blob, padding, pax_header, tar_header


def text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def go(raw: bytes) -> str:
    """A name as Go's JSON spells it."""
    return "".join("\ufffd" if "\udc80" <= each <= "\udcff" else each for each in text(raw))


class Layer(Crafter):
    """A crafter that takes raw names, and spells them in the TOC as Go does."""

    def raw_file(self, name: bytes, data: bytes = b"1") -> Layer:
        self.file(go(name), data, raw=tar_header(name, len(data)))
        return self

    def raw_entry(self, name: bytes, kind: str, link_name: bytes = b"") -> Layer:
        flag = {"dir": b"5", "symlink": b"2", "hardlink": b"1"}[kind]
        toc = {"linkName": go(link_name)} if link_name else {}
        self.entry(go(name), kind, raw=tar_header(name, kind=flag, link_name=link_name), **toc)
        return self


def repaired(layer: Crafter, limits: Limits | None = None) -> list[str]:
    return names_of(open_blob(layer.build(), limits=limits or Limits()))


def test_a_name_is_read_from_the_header_before_its_payload() -> None:
    names = [b"first-\xe9", b"plain", b"caf\xe9", b"caf\xe8", b"last\xff\xfe"]
    layer = Layer()
    for number, name in enumerate(names):
        layer.raw_file(name, b"%d" % number)
    archive = open_blob(layer.build())

    assert names_of(archive) == [text(name) for name in names]
    assert [content(archive, position) for position in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_entries_without_payload_are_found_in_the_run_of_headers() -> None:
    layer = Layer().raw_entry(b"d\xe9/", "dir").raw_file(b"d\xe9/f\xe9", os.urandom(1000))
    layer.raw_entry(b"d\xe9/sub/", "dir").raw_entry(b"d\xe9/l", "symlink", b"f\xe9").raw_entry(
        b"plain", "symlink", b"d\xe9"
    )
    layer.raw_entry(b"d\xe9/h", "hardlink", b"d\xe9/f\xe9").raw_file(b"end", b"2")
    archive = open_blob(layer.build())

    assert [name for name, _ in rows(archive.outline())] == [entry.name for entry in archive.entries]
    assert [(entry.name, entry.link_name) for entry in archive.entries] == [
        (text(b"d\xe9/"), ""),
        (text(b"d\xe9/f\xe9"), ""),
        (text(b"d\xe9/sub/"), ""),
        (text(b"d\xe9/l"), text(b"f\xe9")),
        ("plain", text(b"d\xe9")),
        (text(b"d\xe9/h"), text(b"d\xe9/f\xe9")),
        ("end", ""),
    ]


def test_a_header_follows_the_last_chunk_of_the_file_before() -> None:
    layer = Layer()
    layer.file("big", os.urandom(3000), chunk_size=700)
    layer.raw_file(b"\xe9")

    assert repaired(layer) == ["big", text(b"\xe9")]


def test_a_header_follows_the_landmark_that_is_hidden() -> None:
    layer = Layer()
    layer.file(".no.prefetch.landmark", b"\x0f")
    layer.raw_file(b"\xe9")

    assert repaired(layer) == [text(b"\xe9")]


def test_headers_inside_a_shared_member_are_found() -> None:
    layer = Layer().raw_file(b"a\xe9", b"1" * 600)
    for name in (b"b\xe8", b"c", b"b\xe9"):
        layer.inner_file(go(name), name * 100, raw=tar_header(name, len(name) * 100))
    archive = open_blob(layer.build())

    assert names_of(archive) == [text(b"a\xe9"), text(b"b\xe8"), "c", text(b"b\xe9")]
    assert content(archive, 3) == b"b\xe9" * 100


@pytest.mark.parametrize("kind", ["pax", "gnu"])
def test_long_names_are_read_from_the_blocks_before_the_header(kind: str) -> None:
    name, target = b"d/" * 60 + b"caf\xe9", b"t" * 120 + b"\xe8"
    long_names = {
        "pax": pax_header(mtime=b"1.5", path=name, linkpath=target),
        "gnu": gnu_long(b"L", name) + gnu_long(b"K", target),
    }
    layer = Layer().raw_file(b"first", b"1")
    layer.entry(go(name), "symlink", raw=long_names[kind] + tar_header(b"short", kind=b"2"), linkName=go(target))
    _, found = open_blob(layer.build()).entries

    assert (found.name, found.link_name) == (text(name), text(target))


def test_a_name_that_truly_holds_the_replacement_character_stays() -> None:
    assert repaired(Layer().raw_file("\ufffd".encode()).raw_file(b"\xe9")) == ["\ufffd", text(b"\xe9")]


def test_fewer_replacement_characters_than_lost_bytes_are_the_same_name() -> None:
    layer = Layer()
    layer.file("a\ufffdb", b"1", raw=tar_header(b"a\xe2\x82b", 1))

    assert repaired(layer) == [text(b"a\xe2\x82b")]


def test_a_header_that_spells_another_name_is_not_believed() -> None:
    layer = Layer()
    layer.file("a\ufffd", b"1", raw=tar_header(b"evil\xe9", 1))

    assert repaired(layer) == ["a\ufffd"]


@pytest.mark.parametrize("garbage", [b"", b"x" * 512, tar_header(b"a\xe9")[:-1] + b"x" + bytes(512), bytes(1024)])
def test_headers_that_are_none_leave_the_tocs_spelling(garbage: bytes) -> None:
    layer = Layer()
    layer.file("a\ufffd", b"1", raw=garbage)

    assert repaired(layer) == ["a\ufffd"]


def test_a_broken_member_leaves_the_tocs_spelling_and_the_layer_usable() -> None:
    layer = Layer().raw_file(b"one", os.urandom(1000)).raw_file(b"two\xe9", b"2")
    data = bytearray(layer.build())
    data[layer.entries[0]["offset"] + 500] ^= 0xFF
    archive = open_blob(bytes(data))

    assert names_of(archive) == ["one", "two\ufffd"]
    assert content(archive, 1) == b"2"


NO_READS = Limits(repair_reads=0)


def test_without_reads_colliding_names_become_unique() -> None:
    layer = Layer().raw_file(b"a\xe9").raw_file(b"a\xe8").raw_file(b"a\xe7").raw_file(b"b\xe9")

    assert repaired(layer, NO_READS) == ["a\ufffd", "a\ufffd~2", "a\ufffd~3", "b\ufffd"]


def test_unique_names_do_not_collide_with_names_that_look_like_them() -> None:
    layer = Layer().raw_file(b"a\xe9").raw_file(b"a\xe9~2").raw_file(b"a\xe8")

    assert len(set(repaired(layer, NO_READS))) == 3


def test_directories_of_one_spelling_stay_one() -> None:
    layer = Layer().raw_entry(b"d\xe9/", "dir").raw_entry(b"d\xe8/", "dir").raw_file(b"d\xe9/x")

    assert repaired(layer, NO_READS) == ["d\ufffd/", "d\ufffd/", "d\ufffd/x"]


def far_apart(names: list[bytes]) -> Layer:
    layer = Layer()
    for name in names:
        layer.raw_file(name)
        layer.file("filler", os.urandom(300_000)).file("filler", b"whose member holds the next header")
    return layer


def test_the_number_of_reads_is_bounded() -> None:
    data = far_apart([b"%d\xe9" % number for number in range(6)]).build()
    blob = RecordingReader(data)
    archive = open_blob(blob, limits=Limits(repair_reads=3))

    names = [name for name in names_of(archive) if name != "filler"]
    assert names == [text(b"%d\xe9" % number) for number in range(3)] + [f"{number}\ufffd" for number in range(3, 6)]
    assert len(blob.reads) == 2 + 3  # the helper's, the tail, three ranges


def test_headers_near_each_other_share_a_read() -> None:
    layer = Layer()
    for number in range(100):
        layer.raw_file(b"%d\xe9" % number, os.urandom(1000))
    blob = RecordingReader(layer.build())
    archive = open_blob(blob)

    assert names_of(archive) == [text(b"%d\xe9" % number) for number in range(100)]
    assert len(blob.reads) == 3


def test_a_layer_without_such_names_is_not_read_for_them() -> None:
    blob = RecordingReader(far_apart([b"a", b"b"]).build())

    open_blob(blob)

    assert len(blob.reads) == 2


def test_a_member_too_long_to_read_is_passed_over() -> None:
    layer = Layer().raw_file(b"one", os.urandom(100_000)).raw_file(b"two\xe9").raw_file(b"three\xe9")

    assert repaired(layer, Limits(repair_range=50_000)) == ["one", "two\ufffd", text(b"three\xe9")]


def test_what_lies_below_a_directory_that_was_found_is_shown_there() -> None:
    layer = far_apart([b"d\xe9/one", b"d\xe9/two", b"e\xe9/x", b"e\xe8/y", b"e\xe9/z"])
    names = [name for name in repaired(layer, Limits(repair_reads=1)) if name != "filler"]

    assert names == [text(b"d\xe9/one"), text(b"d\xe9/two"), "e\ufffd/x", "e\ufffd/y", "e\ufffd/z"]


def test_a_directory_of_two_true_names_is_not_guessed() -> None:
    layer = far_apart([b"e\xe9/x", b"e\xe8/y", b"e\xe9/z"])
    names = [name for name in repaired(layer, Limits(repair_reads=2)) if name != "filler"]

    assert names == [text(b"e\xe9/x"), text(b"e\xe8/y"), "e\ufffd/z"]


def test_a_hard_link_follows_its_target_that_was_renamed() -> None:
    layer = far_apart([b"f\xe9"])
    layer.raw_entry(b"h\xe9", "hardlink", b"f\xe9")
    *_, found = open_blob(layer.build(), limits=Limits(repair_reads=1)).entries

    assert (found.name, found.link_name) == ("h\ufffd", text(b"f\xe9"))


def test_headers_in_a_member_that_no_toc_names_are_found() -> None:
    blob, _ = estargz_of(tar_of(dir_("d/"), file("d/first\udce9", b"1"), file("d/second\udce8", b"2")))

    assert names_of(open_blob(blob)) == ["d/", "d/first\udce9", "d/second\udce8"]


def test_names_beyond_the_limit_stay() -> None:
    layer = Layer().raw_file(b"a\xe9").raw_file(b"a\xe8")

    assert repaired(layer, Limits(repairs=1)) == [text(b"a\xe9"), "a\ufffd"]


# Tar headers


def test_contents_and_global_headers_are_passed_over() -> None:
    raw = tar_header(b"g", 10, kind=b"g") + bytes(512) + tar_header(b"a", 513) + bytes(1024) + tar_header(b"b")

    assert [names.name for names in parse_headers(raw, 0)] == [b"a", b"b"]


def test_a_pax_size_counts_for_the_content() -> None:
    raw = pax_header(size=b"513") + tar_header(b"a", 0) + bytes(1024) + tar_header(b"b")

    assert [names.name for names in parse_headers(raw, 0)] == [b"a", b"b"]


def test_a_link_has_no_content_whatever_its_size() -> None:
    raw = tar_header(b"l", 4096, kind=b"1", link_name=b"t") + tar_header(b"b")

    assert list(parse_headers(raw, 0)) == [TarNames(b"l", b"t"), TarNames(b"b", b"")]


def test_long_names_count_for_one_header_only() -> None:
    raw = gnu_long(b"L", b"long") + tar_header(b"a") + tar_header(b"b")

    assert [names.name for names in parse_headers(raw, 0)] == [b"long", b"b"]


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"0 path=a\n", b"99 path=a\n", b"10 path=a", b"-5 path=a\n", b"9" * 5000 + b" path=a\n", b"10 path\n"],
)
def test_trap_10_bad_pax_records_are_passed_over(body: bytes) -> None:
    raw = tar_header(b"x", len(body), kind=b"x") + body + padding(len(body)) + tar_header(b"a")

    assert [names.name for names in parse_headers(raw, 0)] == [b"a"]


def test_trap_10_endless_pax_records_end_the_search() -> None:
    raw = tar_header(b"x", 2 << 20, kind=b"x") + bytes(2 << 20) + tar_header(b"a")

    assert list(parse_headers(raw, 0)) == []


@given(st.binary(max_size=600), st.integers(0, 700))
def test_any_bytes_are_headers_or_none(raw: bytes, offset: int) -> None:
    list(parse_headers(raw, offset))


@given(st.data())
def test_any_header_with_its_checksum_is_read_without_error(data: st.DataObject) -> None:
    block = bytearray(data.draw(st.binary(min_size=512, max_size=512)))
    block[156:157] = data.draw(st.sampled_from([b"0", b"L", b"K", b"x", b"g", b"S", b"\0", b"2"]))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)

    list(parse_headers(bytes(block) + bytes(1024), 0))
