"""One layer made lazily readable: its blob read from start to end, checked, and written anew into a temporary file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from crfs_dav.convert.documents import layer_type
from crfs_dav.convert.options import Options
from crfs_dav.errors import Corrupt
from crfs_dav.formats.gzipmember import MAGIC as GZIP_MAGIC
from crfs_dav.formats.gzipmember import MemberDecoder, cut
from crfs_dav.formats.order import prioritize
from crfs_dav.formats.output import UNCOMPRESSED_SIZE_ANNOTATION, Written
from crfs_dav.formats.tarentries import PieceStream
from crfs_dav.formats.writer import write_layer
from crfs_dav.formats.writing import Format
from crfs_dav.formats.zstdframe import MAGIC as ZSTD_MAGIC
from crfs_dav.formats.zstdframe import FrameDecoder, is_skippable
from crfs_dav.names import Digest
from crfs_dav.oci import TOC_DIGEST_ANNOTATION, ZSTDCHUNKED_ANNOTATIONS, Descriptor
from crfs_dav.readers import ReaderAt

_READ_SIZE = 4 << 20  # bytes
_OURS = (TOC_DIGEST_ANNOTATION, UNCOMPRESSED_SIZE_ANNOTATION, *ZSTDCHUNKED_ANNOTATIONS)


@dataclass(frozen=True, slots=True)
class NewLayer:
    """A layer as it was written; `content` is the blob."""

    descriptor: Descriptor
    diff_id: Digest
    content: BinaryIO


OnSize = Callable[[int], None]


def temporary_folder(options: Options) -> Path:
    """Where layers are written before they are sent."""
    return options.folder or Path(tempfile.gettempdir())


@contextmanager
def new_layer(
    blob: ReaderAt, layer: Descriptor, diff_id: Digest, options: Options, *, on_read: OnSize, on_written: OnSize
) -> Iterator[NewLayer]:
    """The layer written anew, as long as the context lasts.

    Raises Corrupt for what is no tar and for another digest or DiffID than promised, OSError where the temporary
    folder does not do, and what `blob` raises.
    """
    with tempfile.TemporaryFile(dir=temporary_folder(options), prefix="crfs-dav-") as file:
        written = write_checked(CheckedTar(blob, layer.digest, diff_id, on_read), file, options, on_written)
        file.seek(0)
        yield NewLayer(_described(layer, written, options), written.diff_id, file)


def write_checked(content: CheckedTar, file: BinaryIO, options: Options, on_written: OnSize) -> Written:
    """What was written to `file`, of a tar read to its end; raises Corrupt, and OSError of the file."""
    stream = PieceStream(content.pieces())
    tar = cast(BinaryIO, stream)  # read from, and written to: no more is asked of them
    out = cast(BinaryIO, _Counted(file, on_written))
    write = partial(write_layer, threads=options.threads, folder=options.folder)
    if options.write.prioritized:
        written = _write_ordered(stream, out, write, options)
    else:
        written = write(tar, out, options.write)
    stream.drain()
    file.flush()
    return written


def _write_ordered(stream: PieceStream, out: BinaryIO, write: Callable[..., Written], options: Options) -> Written:
    """What is written of the tar in another order: meanwhile all of it lies in a temporary file."""
    with tempfile.TemporaryFile(dir=temporary_folder(options), prefix="crfs-dav-") as file:
        for piece in iter(lambda: stream.read(_READ_SIZE), b""):
            file.write(piece)
        ordered = prioritize(file, options.write.prioritized)
        tar = cast(BinaryIO, PieceStream(ordered.pieces))
        return write(tar, out, options.write, prioritized=ordered.count)


def _described(layer: Descriptor, written: Written, options: Options) -> Descriptor:
    kept = {key: text for key, text in layer.annotations.items() if not key.startswith(_OURS)}
    compression = "zstd" if options.write.format is Format.ZSTD_CHUNKED else "gzip"
    media_type = layer_type(layer.media_type, compression, is_oci=bool(written.annotations))
    return Descriptor(media_type, written.digest, written.size, {**kept, **written.annotations})


class CheckedTar:
    """The tar that a blob holds, packed or not; once all was given out, the digests that are known are checked."""

    def __init__(self, blob: ReaderAt, digest: Digest | None, diff_id: Digest | None, on_read: OnSize) -> None:
        self._blob = blob
        self._digest = digest
        self._diff_id = diff_id
        self._on_read = on_read

    def pieces(self) -> Iterator[bytes]:
        """The content; raises Corrupt."""
        return _checked(self._decompressed(), self._diff_id, "content", "by the config's diff_ids")

    def _decompressed(self) -> Iterator[bytes]:
        head = self._blob.read_at(0, len(ZSTD_MAGIC))
        if head.startswith(GZIP_MAGIC):
            return _decoded(MemberDecoder(), self._compressed())
        if head.startswith(ZSTD_MAGIC) or is_skippable(head):
            return _decoded(FrameDecoder(), self._compressed())
        return self._compressed()

    def _compressed(self) -> Iterator[bytes]:
        return _checked(self._read(), self._digest, "blob", "as the manifest says")

    def _read(self) -> Iterator[bytes]:
        for offset in range(0, self._blob.size, _READ_SIZE):
            data = self._blob.read_at(offset, _READ_SIZE)
            yield data
            self._on_read(offset + len(data))


def _checked(pieces: Iterator[bytes], digest: Digest | None, what: str, said: str) -> Iterator[bytes]:
    """`pieces`; raises Corrupt after the last where they have not `digest`."""
    if digest is None:
        yield from pieces
        return
    found = hashlib.new(digest.algorithm)
    for piece in pieces:
        found.update(piece)
        yield piece
    if found.hexdigest() != digest.hex:
        raise Corrupt(f"{what}: {digest.algorithm}:{found.hexdigest()}; expected {digest}, {said}")


def _decoded(decoder: MemberDecoder | FrameDecoder, compressed: Iterator[bytes]) -> Iterator[bytes]:
    for data in compressed:
        for part in cut(data):
            yield from decoder.feed(part)
    decoder.finish()


class _Counted:
    """A file to write to that tells how much was written."""

    def __init__(self, file: BinaryIO, on_written: OnSize) -> None:
        self._file = file
        self._on_written = on_written
        self._size = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._size += len(data)
        self._on_written(self._size)
        return len(data)
