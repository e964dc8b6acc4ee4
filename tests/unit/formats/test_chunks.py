"""The plan of reads, and what a decoder takes from a member."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import struct
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.errors import Corrupt
from crfs_dav.formats import gzipmember
from crfs_dav.formats.chunkcodec import GZIP, extract
from crfs_dav.formats.chunkedfile import ChunkedFile
from crfs_dav.formats.chunkloader import ChunkLoader
from crfs_dav.formats.chunks import READ_LIMIT, Chunk, Run, plan
from crfs_dav.names import Digest, digest_of
from crfs_dav.readers import BytesReader
from tests.support.recording import DictStore, NoStore, RecordingReader
from tests.support.stargz import Crafter, content, member, open_blob

MIB = 1 << 20


def chunks_of(*sizes: tuple[int, int], gap: int = 0) -> list[Chunk]:
    """Chunks one after another, of these (size, compressed size)."""
    chunks: list[Chunk] = []
    file_offset, start = 0, 100
    for size, compressed in sizes:
        chunks.append(Chunk(file_offset, size, start, start + compressed))
        file_offset += size
        start += compressed + gap
    return chunks


@pytest.mark.parametrize(
    ("offset", "size", "expected"),
    [
        (0, 1, [(100, 150)]),
        (0, 10, [(100, 150)]),
        (9, 2, [(100, 200)]),
        (10, 1, [(150, 200)]),
        (5, 30, [(100, 300)]),
        (35, 100, [(250, 300)]),
        (40, 1, []),
        (0, 0, []),
    ],
)
def test_adjacent_chunks_share_a_read(offset: int, size: int, expected: list[tuple[int, int]]) -> None:
    chunks = chunks_of((10, 50), (10, 50), (10, 50), (10, 50))

    assert [(run.start, run.end) for run in plan(chunks, offset, size)] == expected


def test_chunks_apart_are_read_apart() -> None:
    chunks = chunks_of((10, 50), (10, 50), gap=1)

    assert [(run.start, run.end) for run in plan(chunks, 0, 20)] == [(100, 150), (151, 201)]


def test_a_planned_read_is_bounded() -> None:
    chunks = chunks_of(*[(4 * MIB, 4 * MIB)] * 10)

    runs = plan(chunks, 0, 40 * MIB)

    assert [run.end - run.start for run in runs] == [READ_LIMIT] * 5


def test_one_chunk_may_be_bigger_than_a_planned_read() -> None:
    chunks = chunks_of((20 * MIB, 20 * MIB), (1, 10))

    assert [run.end - run.start for run in plan(chunks, 0, 20 * MIB + 1)] == [20 * MIB, 10]


def test_chunks_of_one_member_share_its_read() -> None:
    chunks = [Chunk(0, 10, 100, 200, 0, is_shared=True), Chunk(10, 10, 100, 200, 10, is_shared=True)]

    assert plan(chunks, 0, 20) == [Run(100, 200, tuple(chunks))]


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 9 * MIB), st.integers(0, 1)), min_size=1, max_size=30),
    st.integers(0, 600),
    st.integers(0, 600),
)
def test_the_plan_brings_just_the_chunks_of_the_naive_model(
    shapes: list[tuple[int, int, int]], offset: int, size: int
) -> None:
    chunks: list[Chunk] = []
    file_offset = start = 1
    for length, compressed, gap in shapes:
        start += gap
        chunks.append(Chunk(file_offset - 1, length, start, start + compressed))
        file_offset += length
        start += compressed

    runs = plan(chunks, offset, size)

    wanted = set(range(offset, offset + size))
    naive = [each for each in chunks if wanted & set(range(each.file_offset, each.file_offset + each.size))]
    assert [chunk for run in runs for chunk in run.chunks] == naive
    for run in runs:
        assert run.start == run.chunks[0].start
        assert run.end == run.chunks[-1].likely_end
        assert run.end - run.start <= READ_LIMIT or len(run.chunks) == 1
        assert all(each.start >= run.start and each.likely_end <= run.end for each in run.chunks)


def test_a_hundred_random_reads_equal_the_slices() -> None:
    data = os.urandom(5000) + bytes(5000) + os.urandom(2345)
    blob = Crafter().dir("d/").file("a", data, chunk_size=700).file("b", b"b").build()
    reader = open_blob(blob, store=NoStore()).open(1)
    dice = random.Random(1)

    for _ in range(100):
        offset, size = dice.randrange(len(data) + 100), dice.randrange(3000)
        assert reader.read_at(offset, size) == data[offset : offset + size]


def test_a_file_of_many_chunks_is_one_read() -> None:
    data = os.urandom(20_000)
    blob = RecordingReader(Crafter().file("a", data, chunk_size=100).build())
    archive = open_blob(blob)
    blob.reads.clear()

    assert content(archive, 0) == data
    assert len(blob.reads) == 1


def test_kept_chunks_are_not_read_again() -> None:
    data = os.urandom(1000)
    blob = RecordingReader(Crafter().file("a", data, chunk_size=100).build())
    archive = open_blob(blob)
    reader = archive.open(0)
    reader.read_at(350, 100)  # chunks 3 and 4
    blob.reads.clear()

    assert content(archive, 0) == data
    assert len(blob.reads) == 2  # before and after them


def test_a_chunk_that_another_reader_brought_meanwhile_is_not_read_again() -> None:
    raw = member(b"1")
    blob = RecordingReader(raw)
    loader = ChunkLoader(blob, digest_of(raw), DictStore())
    run = Run(0, len(raw), (Chunk(0, 1, 0, len(raw), digests=(digest_of(b"1"),)),))

    assert [list(loader.load(run)) for _ in range(2)] == [[b"1"], [b"1"]]
    assert len(blob.reads) == 1


def test_keys_of_kept_chunks_begin_with_the_layers_digest() -> None:
    blob = Crafter().file("a", b"1").build()
    store = DictStore()

    content(open_blob(blob, store=store), 0)

    assert len(list(store.keys(str(digest_of(blob))))) == len(store.values) == 1


def test_a_kept_chunk_of_wrong_size_is_not_believed() -> None:
    store = DictStore()
    blob = Crafter().file("a", b"12").build()
    content(open_blob(blob, store=store), 0)
    (key,) = store.values
    store.values[key] = b"1"

    assert content(open_blob(blob, store=store), 0) == b"12"


def test_two_tocs_that_differ_about_one_layer_share_no_chunk() -> None:
    """Whoever pushes a lying TOC for a layer's digest must not spoil that layer for others."""
    store = DictStore()
    data = member(b"good")
    layer = digest_of(b"layer")

    def file(blob: bytes, promised: bytes) -> ChunkedFile:
        chunk = Chunk(0, 4, 0, len(blob), digests=(digest_of(promised),))
        return ChunkedFile("a", 4, [chunk], ChunkLoader(RecordingReader(blob), layer, store))

    assert file(member(b"evil"), b"evil").read_at(0, 4) == b"evil"
    assert file(data, b"good").read_at(0, 4) == b"good"


def test_an_honest_member_that_compresses_badly_is_read_to_its_end() -> None:
    stored = b"".join(b"\0" + b"\1\0" + b"\xfe\xff" + b"x" for _ in range(100_000))  # six bytes for each one
    raw = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stored + b"\1\0\0\xff\xff"
    raw += struct.pack("<LL", zlib.crc32(b"x" * 100_000), 100_000)
    chunk = Chunk(0, 100_000, 0, len(raw), digests=(digest_of(b"x" * 100_000),))
    blob = RecordingReader(raw)

    assert chunk.likely_end < len(raw)
    assert ChunkedFile("a", 100_000, [chunk], ChunkLoader(blob, digest_of(raw), NoStore())).read_at(99_999, 5) == b"x"
    assert len(blob.reads) == 2


@pytest.mark.parametrize("behind", [0, 1000, 2 * MIB], ids=["nothing", "headers", "more than is worth unpacking"])
@pytest.mark.parametrize("is_installed", [True, False], ids=["libdeflate", "pieces"])
@pytest.mark.parametrize("digests", [(digest_of(b"chunk"),), ()], ids=["digest", "crc"])
def test_a_chunk_is_the_same_whatever_lies_behind_it_and_unpacks_it(
    behind: int, is_installed: bool, digests: tuple[Digest, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_installed:
        monkeypatch.setattr(gzipmember, "libdeflate", None)
    raw = member(b"chunk" + bytes(behind))
    loader = ChunkLoader(BytesReader(raw), digest_of(raw), NoStore())

    assert ChunkedFile("a", 5, [Chunk(0, 5, 0, len(raw), digests=digests)], loader).read_at(0, 9) == b"chunk"


def test_a_member_that_is_at_hand_needs_no_pieces() -> None:
    def never(compressed: object) -> Iterator[bytes]:
        raise AssertionError

    raw = member(b"chunk")
    loader = ChunkLoader(BytesReader(raw), digest_of(raw), NoStore(), GZIP._replace(decode=never, decode_checked=never))

    assert ChunkedFile("a", 5, [Chunk(0, 5, 0, len(raw))], loader).read_at(0, 9) == b"chunk"


@pytest.mark.parametrize("is_installed", [True, False], ids=["libdeflate", "pieces"])
@pytest.mark.parametrize(
    ("digests", "error"), [((digest_of(b"other"),), "chunk: sha256:"), ((), "CRC|data check")], ids=["digest", "crc"]
)
def test_a_wrong_chunk_is_told_whatever_unpacks_it(
    digests: tuple[Digest, ...], error: str, is_installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_installed:
        monkeypatch.setattr(gzipmember, "libdeflate", None)
    raw = member(b"chunk")[:-8] + struct.pack("<LL", zlib.crc32(b"chunk") ^ (not digests), 5)
    loader = ChunkLoader(BytesReader(raw), digest_of(raw), NoStore())

    with pytest.raises(Corrupt, match=error):
        ChunkedFile("a", 5, [Chunk(0, 5, 0, len(raw), digests=digests)], loader).read_at(0, 9)


def test_extract_stops_when_it_has_what_the_digest_needs() -> None:
    pieces = iter([b"head", b"0123", b"4567", b"never asked for"])

    assert extract(pieces, Chunk(0, 6, 0, 1, 5, (digest_of(b"123456"),))) == b"123456"
    assert next(pieces) == b"never asked for"


def test_extract_verifies_every_digest() -> None:
    sha512 = type(digest_of(b""))("sha512", hashlib.sha512(b"1").hexdigest())

    assert extract(iter([b"1"]), Chunk(0, 1, 0, 1, 0, (digest_of(b"1"), sha512))) == b"1"
    with pytest.raises(Corrupt, match="chunk: sha512:"):
        extract(iter([b"2"]), Chunk(0, 1, 0, 1, 0, (digest_of(b"2"), sha512)))


def test_extract_of_too_little_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="chunk: 2 bytes; expected 3"):
        extract(iter([b"12"]), Chunk(0, 3, 0, 1))


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=9), st.integers(0, 40), st.integers(1, 40))
def test_extract_gives_the_slice_or_corrupt(pieces: list[bytes], inner_offset: int, size: int) -> None:
    whole = b"".join(pieces)
    expected = whole[inner_offset : inner_offset + size]
    chunk = Chunk(0, size, 0, 1, inner_offset, (digest_of(expected),))

    if len(expected) == size:
        assert extract(iter(pieces), chunk) == expected
    else:
        with pytest.raises(Corrupt):
            extract(iter(pieces), chunk)


def test_a_chunk_beyond_the_end_of_the_blob_is_corrupt() -> None:
    chunk = Chunk(0, 10, 5, 1 << 40, digests=(digest_of(b"0123456789"),))
    loader = ChunkLoader(BytesReader(b"short blob"), digest_of(b"layer"), DictStore())

    with pytest.raises(Corrupt, match="expected"):
        ChunkedFile("f", 10, [chunk], loader).read_at(0, 10)


def test_a_member_that_the_blob_ends_in_is_corrupt() -> None:
    packed = gzip.compress(bytes(300_000))
    chunk = Chunk(0, 300_000, 0, 1 << 40, digests=(digest_of(b"another"),))
    loader = ChunkLoader(BytesReader(packed[:-20]), digest_of(b"layer"), DictStore())

    with pytest.raises(Corrupt, match=r"blob: ends at [0-9]+; expected a member up to 1099511627776"):
        ChunkedFile("f", 300_000, [chunk], loader).read_at(0, 10)
