"""One layer made lazily readable: its blob read from start to end, checked, and written anew into a temporary file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from crfs_dav.convert.documents import layer_type
from crfs_dav.convert.options import Options
from crfs_dav.errors import Corrupt, CrfsError, NoRoom
from crfs_dav.formats.gzipmember import MAGIC as GZIP_MAGIC
from crfs_dav.formats.gzipmember import MemberDecoder, cut
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

    Raises Corrupt, which names the layer, for what is no tar and for another digest or DiffID than promised; NoRoom
    where the temporary folder is full; what `blob` raises.
    """
    with tempfile.TemporaryFile(dir=temporary_folder(options), prefix="crfs-dav-") as file:
        written = _written(_Checked(blob, layer, diff_id, on_read), file, layer, options, on_written)
        file.seek(0)
        yield NewLayer(_described(layer, written, options), written.diff_id, file)


def _written(content: _Checked, file: BinaryIO, layer: Descriptor, options: Options, on_written: OnSize) -> Written:
    try:
        stream = PieceStream(content.pieces())
        out = cast(BinaryIO, _Counted(file, on_written))  # written to, and read from: no more is asked of them
        tar = cast(BinaryIO, stream)
        written = write_layer(tar, out, options.write, threads=options.threads, folder=options.folder)
        stream.drain()
        file.flush()
    except OSError as error:
        raise NoRoom(f"layer {layer.digest}: temporary file: {error.strerror}; expected room for it") from None
    except CrfsError as error:
        error.args = (f"layer {layer.digest}: {error}",)
        raise
    return written


def _described(layer: Descriptor, written: Written, options: Options) -> Descriptor:
    kept = {key: text for key, text in layer.annotations.items() if not key.startswith(_OURS)}
    compression = "zstd" if options.write.format is Format.ZSTD_CHUNKED else "gzip"
    media_type = layer_type(layer.media_type, compression, is_oci=bool(written.annotations))
    return Descriptor(media_type, written.digest, written.size, {**kept, **written.annotations})


class _Checked:
    """A blob's content, decompressed; the digests of both are checked once it has been given out."""

    def __init__(self, blob: ReaderAt, layer: Descriptor, diff_id: Digest, on_read: OnSize) -> None:
        self._blob = blob
        self._layer = layer
        self._diff_id = diff_id
        self._on_read = on_read

    def pieces(self) -> Iterator[bytes]:
        """The content; raises Corrupt."""
        found = hashlib.new(self._diff_id.algorithm)
        for piece in self._decompressed():
            found.update(piece)
            yield piece
        _check("content", found.hexdigest(), self._diff_id, "by the config's diff_ids")

    def _decompressed(self) -> Iterator[bytes]:
        head = self._blob.read_at(0, len(ZSTD_MAGIC))
        if head.startswith(GZIP_MAGIC):
            return _decoded(MemberDecoder(), self._compressed())
        if head.startswith(ZSTD_MAGIC) or is_skippable(head):
            return _decoded(FrameDecoder(), self._compressed())
        return self._compressed()

    def _compressed(self) -> Iterator[bytes]:
        digest = self._layer.digest
        found = hashlib.new(digest.algorithm)
        for offset in range(0, self._blob.size, _READ_SIZE):
            data = self._blob.read_at(offset, _READ_SIZE)
            found.update(data)
            yield data
            self._on_read(min(offset + _READ_SIZE, self._blob.size))
        _check("blob", found.hexdigest(), digest, "as the manifest says")


def _decoded(decoder: MemberDecoder | FrameDecoder, compressed: Iterator[bytes]) -> Iterator[bytes]:
    for data in compressed:
        for part in cut(data):
            yield from decoder.feed(part)
    decoder.finish()


def _check(what: str, found: str, expected: Digest, said: str) -> None:
    if found != expected.hex:
        raise Corrupt(f"{what}: {expected.algorithm}:{found}; expected {expected}, {said}")


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
