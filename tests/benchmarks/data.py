"""What is read: images made once, and kept where the interop tests keep theirs."""

from __future__ import annotations

import os
import random
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile

from crfs_dav.formats.writer import write_estargz
from crfs_dav.oci import TOC_DIGEST_ANNOTATION
from tests.benchmarks.layouts import Layer, write_layout
from tests.support.kept import kept
from tests.support.real_image import RealImage
from tests.support.real_registry import RealRegistry

BIG = "big.bin"
BIG_SIZE = 200_000_000
SMALL_SIZE = 1024
_COUNTS = (100, 1_000, 10_000)
_KEPT = "bench-v1"  # a new number whenever what is made here changes
_SIZED = "bench-sized-v1"
_MTIME = 1_600_000_000
_WORDS = 4096  # of which files of sized images are made
_FILE_WORDS = 1000


@dataclass(frozen=True)
class BenchImage:
    """`big.bin` in one layer, directories of 100, 1,000 and 10,000 small files in another; and all of it unpacked."""

    root: Path
    layers: tuple[Path, ...]


def bench_image(registry: RealRegistry, debian: RealImage) -> BenchImage:
    """The image, in the registry as `test/bench`, tag `x`; from the cache where it was made before."""
    folder = kept(_KEPT, lambda making: _make_bench(making, debian.root))
    registry.push(folder / "layout", "x", "test/bench")
    return BenchImage(folder / "root", tuple(sorted((folder / "layers").iterdir())))


def sized_image(registry: RealRegistry, files: int) -> str:
    """Repository and tag of an image of two layers with so many files of some kilobytes each."""
    folder = kept(f"{_SIZED}-{files}", lambda making: _make_sized(making, files))
    registry.push(folder / "layout", "x", f"test/sized-{files}")
    return f"test/sized-{files}/x"


def _make_bench(folder: Path, source: Path) -> None:
    root = folder / "root"
    root.mkdir(parents=True)
    _write_big(root / BIG, source / "usr")
    for count in _COUNTS:
        (root / f"many-{count}").mkdir()
        for number in range(count):
            content = sha256(b"%d" % number).hexdigest().encode() * (SMALL_SIZE // 64)
            _write(root / f"many-{count}" / f"{number:05}.txt", content, number)
    (folder / "layers").mkdir()
    layers = [
        _write_layer(folder / "layers" / "0", root, [BIG]),
        _write_layer(folder / "layers" / "1", root, [f"many-{count}" for count in _COUNTS]),
    ]
    write_layout(folder / "layout", "x", layers)


def _make_sized(folder: Path, files: int) -> None:
    noise = random.Random(files)
    words = [noise.randbytes(noise.randint(3, 12)).hex() for _ in range(_WORDS)]
    layers = []
    for number in range(2):
        root = folder / f"root-{number}"
        for file in range(files // 2):
            directory = root / f"layer-{number}" / f"package-{file // 100:04}"
            directory.mkdir(parents=True, exist_ok=True)
            count = noise.randint(1, 2 * _FILE_WORDS)
            _write(directory / f"{file % 100:05}.txt", " ".join(noise.choices(words, k=count)).encode(), file)
        layers.append(_write_layer(folder / f"layer-{number}", root, [f"layer-{number}"]))
        shutil.rmtree(root)
    write_layout(folder / "layout", "x", layers)
    for layer in layers:
        layer.path.unlink()


def _write(path: Path, content: bytes, number: int) -> None:
    path.write_bytes(content)
    os.utime(path, (_MTIME + number, _MTIME + number))


def _write_big(path: Path, source: Path) -> None:
    """What people have in big files: programs and libraries, one after the other."""
    with path.open("wb") as out:
        for each in _files(source):
            out.write(each.read_bytes()[: BIG_SIZE - out.tell()])
            if out.tell() == BIG_SIZE:
                return
        out.flush()
        once = path.read_bytes()
        while out.tell() < BIG_SIZE:
            out.write(once[: BIG_SIZE - out.tell()])


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _write_layer(path: Path, root: Path, names: Sequence[str]) -> Layer:
    with TemporaryFile(dir=path.parent) as tar:
        with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name in names:
                archive.add(root / name, name)
        tar.seek(0)
        with path.open("wb") as out:
            written = write_estargz(tar, out, threads=2)
    return Layer(path, {TOC_DIGEST_ANNOTATION: str(written.toc_digest)})
