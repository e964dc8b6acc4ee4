"""One layer made lazily readable: a tar, checked as it is read, written anew into a temporary file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from crfs_dav.convert.documents import layer_type
from crfs_dav.convert.options import Options
from crfs_dav.errors import Corrupt, NoRoom
from crfs_dav.formats.gzipmember import MAGIC as GZIP_MAGIC
from crfs_dav.formats.gzipmember import MemberDecoder, cut
from crfs_dav.formats.hashing import hashed
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
_RECORD = 20 * 512  # bytes that tars are filled up to; skopeo 1.9 leaves that out of zstd:chunked, not of the DiffID
_OURS = (TOC_DIGEST_ANNOTATION, UNCOMPRESSED_SIZE_ANNOTATION, *ZSTDCHUNKED_ANNOTATIONS)


@dataclass(frozen=True, slots=True)
class NewLayer:
    """A layer as it was written; `content` is the blob, `first` as `NewTar` has it."""

    descriptor: Descriptor
    diff_id: Digest
    content: BinaryIO
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewTar:
    """A tar as it was written."""

    written: Written
    first: tuple[str, ...] = ()  # of the paths that were to come first, those that are in it


OnSize = Callable[[int], None]


def temporary_folder(options: Options) -> Path:
    """Where layers are written before they are sent."""
    return options.folder or Path(tempfile.gettempdir())


def temporary_file(options: Options) -> AbstractContextManager[BinaryIO]:
    """A file for one layer, without a name."""
    return cast(
        AbstractContextManager[BinaryIO], tempfile.TemporaryFile(dir=temporary_folder(options), prefix="crfs-dav-")
    )


@dataclass(frozen=True, slots=True)
class Tools:
    """What layers are written with: `pool` packs, for all layers under way."""

    options: Options
    pool: Executor

    def write(self, tar: Iterator[bytes], out: BinaryIO, *, prioritized: int = 0) -> Written:
        """What was written to `out`; raises Corrupt, and OSError of the files."""
        stream = cast(BinaryIO, PieceStream(tar))  # only read from
        write, folder = self.options.write, self.options.folder
        return write_layer(stream, out, write, pool=self.pool, prioritized=prioritized, folder=folder)


@contextmanager
def new_layer(layer: Descriptor, tar: Iterator[bytes], tools: Tools, *, on_written: OnSize) -> Iterator[NewLayer]:
    """A layer that `tar` makes in the place of `layer`, as long as the context lasts.

    Raises Corrupt for what is no tar, OSError where the temporary folder does not do, and what `tar` raises.
    """
    with temporary_file(tools.options) as file:
        new = write_tar(tar, file, tools, on_written)
        file.seek(0)
        yield NewLayer(_described(layer, new.written, tools.options), new.written.diff_id, file, new.first)


def write_tar(tar: Iterator[bytes], file: BinaryIO, tools: Tools, on_written: OnSize) -> NewTar:
    """What was written to `file` of `tar`, which is read to its end; raises Corrupt, and OSError of the file."""
    out = cast(BinaryIO, _Counted(file, on_written))  # only written to
    new = _write_ordered(tar, out, tools) if tools.options.write.prioritized else NewTar(tools.write(tar, out))
    for _ in tar:  # what follows the end mark has to have the right digest, too
        pass
    file.flush()
    return new


def _write_ordered(tar: Iterator[bytes], out: BinaryIO, tools: Tools) -> NewTar:
    """What is written of the tar in another order: meanwhile all of it lies in a temporary file."""
    with temporary_file(tools.options) as file:
        _fill(file, tar)
        ordered = prioritize(file, tools.options.write.prioritized)
        return NewTar(tools.write(ordered.pieces, out, prioritized=ordered.count), ordered.found)


def _fill(file: BinaryIO, tar: Iterator[bytes]) -> None:
    """Have all of `tar` in a temporary file; raises NoRoom."""
    for piece in tar:
        try:
            file.write(piece)
        except OSError as error:
            raise NoRoom(f"temporary file: {error.strerror or error}; expected room") from None


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
        return _checked(self._decompressed(), self._diff_id, "content", said="by the config's diff_ids", record=_RECORD)

    def _decompressed(self) -> Iterator[bytes]:
        head = self._blob.read_at(0, len(ZSTD_MAGIC))
        if head.startswith(GZIP_MAGIC):
            return _decoded(MemberDecoder(), self._compressed())
        if head.startswith(ZSTD_MAGIC) or is_skippable(head):
            return _decoded(FrameDecoder(), self._compressed())
        return self._compressed()

    def _compressed(self) -> Iterator[bytes]:
        return _checked(self._read(), self._digest, "blob", said="as the manifest says")

    def _read(self) -> Iterator[bytes]:
        for offset in range(0, self._blob.size, _READ_SIZE):
            data = self._blob.read_at(offset, _READ_SIZE)
            yield data
            self._on_read(offset + len(data))


def _checked(
    pieces: Iterator[bytes], digest: Digest | None, what: str, *, said: str, record: int = 1
) -> Iterator[bytes]:
    """`pieces`; raises Corrupt after the last where they, filled up with zeros to a whole `record`, lack `digest`."""
    if digest is None:
        yield from pieces
        return
    found, size = hashlib.new(digest.algorithm), 0
    for piece in hashed(pieces, found):
        size += len(piece)
        yield piece
    hexadecimal = found.hexdigest()
    found.update(bytes(-size % record))
    if digest.hex not in (hexadecimal, found.hexdigest()):
        raise Corrupt(f"{what}: {digest.algorithm}:{hexadecimal}; expected {digest}, {said}")


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
