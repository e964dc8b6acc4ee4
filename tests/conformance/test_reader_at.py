"""Every `ReaderAt` keeps the same promises: exact bytes at any offset, from any thread, never short."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.cache.reader import CachedReader
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.formats.spool import Spools
from crfs_dav.names import Repository, digest_of, parse_registry
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader, ReaderAt, ReaderIO, Section
from crfs_dav.registry.connect import open_client
from tests.support.archives import dir_, file, tar_of
from tests.support.recording import DictStore, NoStore
from tests.support.stargz import STARGZ_FOOTER, Crafter, open_blob
from tests.support.zstdchunked import ZstdCrafter, frame, open_zstd

CONTENT = random.Random(7).randbytes(50_000) + bytes(3000) + b"the end"


def chunked(**options: bool) -> ReaderAt:
    store = DictStore() if options.get("keeps", True) else NoStore()
    crafter = Crafter(footer=STARGZ_FOOTER, digests=False) if options.get("legacy") else Crafter()
    return open_blob(crafter.dir("d/").file("f", CONTENT, chunk_size=4000).build(), store=store).open(1)


def one_chunk() -> ReaderAt:
    return open_blob(Crafter().file("f", CONTENT).file("g", b"after").build()).open(0)


def shared_member() -> ReaderAt:
    return open_blob(Crafter().file("e", b"before").inner_file("f", CONTENT).build()).open(1)


def zstd_chunked() -> ReaderAt:
    chunks = [CONTENT[:20_000], CONTENT[20_000:50_000], CONTENT[50_000:53_000], CONTENT[53_000:]]
    return open_zstd(*ZstdCrafter().file("f", *chunks, holes=(2,)).build()).open(0)


@contextmanager
def tar_zstd(frame_size: int) -> Iterator[ReaderAt]:
    tar = tar_of(dir_("d/"), file("f", CONTENT), file("g", b"after"))
    blob = b"".join(frame(tar[start : start + frame_size]) for start in range(0, len(tar), frame_size))
    with TemporaryDirectory() as directory:
        yield open_zstd(blob, spools=Spools(MappedFiles(Path(directory), 1 << 20))).open(1)


@contextmanager
def registry_blob() -> Iterator[ReaderAt]:
    with DemoRegistry() as registry, open_client() as client:
        registry.add_image("a", None, [])
        descriptor = Descriptor("", registry.add_blob(CONTENT), len(CONTENT))
        yield client.blob(Repository(parse_registry(registry.host), "a"), descriptor)


READERS: dict[str, Callable[[], ReaderAt | AbstractContextManager[ReaderAt]]] = {
    "BytesReader": lambda: BytesReader(CONTENT),
    "Section": lambda: Section(BytesReader(b"before" + CONTENT + b"after"), 6, len(CONTENT)),
    "ChunkedFile of chunks": chunked,
    "ChunkedFile that keeps nothing": lambda: chunked(keeps=False),
    "ChunkedFile of stargz": lambda: chunked(legacy=True),
    "ChunkedFile of one chunk": one_chunk,
    "ChunkedFile in a shared member": shared_member,
    "zstd:chunked": zstd_chunked,
    "tar+zstd of one frame": lambda: tar_zstd(1 << 30),
    "tar+zstd of many frames": lambda: tar_zstd(5000),
    "RegistryBlob": registry_blob,
    "CachedReader": lambda: CachedReader(BytesReader(CONTENT), digest_of(CONTENT), MemoryStore(1 << 20)),
    "CachedReader that keeps nothing": lambda: CachedReader(BytesReader(CONTENT), digest_of(CONTENT), NoStore()),
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Iterator[ReaderAt]:
    made = READERS[request.param]()
    with nullcontext(made) if isinstance(made, ReaderAt) else made as reader:
        assert isinstance(reader, ReaderAt)
        yield reader


def test_the_size_is_known(reader: ReaderAt) -> None:
    assert reader.size == len(CONTENT)


def test_random_ranges_are_the_slices(reader: ReaderAt) -> None:
    dice = random.Random(1)
    for _ in range(60):
        offset, size = dice.randrange(len(CONTENT)), dice.randrange(1, 9000)
        assert reader.read_at(offset, size) == CONTENT[offset : offset + size], (offset, size)


@pytest.mark.parametrize(
    ("offset", "size"),
    [(0, 0), (0, 1), (0, 1 << 40), (3999, 2), (4000, 4000), (-1 % len(CONTENT), 1), (len(CONTENT) - 3, 10), (100, 0)],
)
def test_the_ends_and_the_seams_are_exact(reader: ReaderAt, offset: int, size: int) -> None:
    assert reader.read_at(offset, size) == CONTENT[offset : offset + size]


@pytest.mark.parametrize("offset", [len(CONTENT), len(CONTENT) + 1, 1 << 50])
def test_nothing_comes_from_the_end_on(reader: ReaderAt, offset: int) -> None:
    assert reader.read_at(offset, 10) == b""


def test_what_comes_is_bytes(reader: ReaderAt) -> None:
    assert type(reader.read_at(10, 10)) is bytes


def test_it_reads_like_a_file(reader: ReaderAt) -> None:
    with ReaderIO(reader) as file:
        assert file.readall() == CONTENT


def test_threads_do_not_disturb_each_other(reader: ReaderAt) -> None:
    wrong: list[int] = []

    def read(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(20):
            offset, size = dice.randrange(len(CONTENT)), dice.randrange(1, 9000)
            if reader.read_at(offset, size) != CONTENT[offset : offset + size]:
                wrong.append(offset)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
