"""A layer's tar in a temporary file, each entry found by its position: what layers are merged from.

Some 70 bytes of memory an entry. For one thread.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast, overload

from crfs_dav.archive import Entry, Kind, Outline, Stat, outlined, stat_of
from crfs_dav.convert.filereader import FileReader
from crfs_dav.errors import Corrupt, OverLimit
from crfs_dav.formats.layerstream import LayerStream
from crfs_dav.formats.limits import DEFAULT_LIMITS, bounded
from crfs_dav.formats.tarentries import PieceStream
from crfs_dav.formats.tarstream import TarHeader, TarStream
from crfs_dav.formats.tarwriter import header_bytes
from crfs_dav.readers import ReaderAt, Section

_KINDS = tuple(Kind)
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Placed(Entry):
    """An entry that knows where it is from; only what a tree is built of is filled in."""

    layer: int = 0
    position: int = 0


class UnpackedLayer(Sequence[Entry]):
    """An `Archive` over a tar in `file`; `number` is that of the layer, for its entries to know."""

    def __init__(self, number: int, file: BinaryIO) -> None:
        self._number = number
        self._file = file
        self._text = bytearray()  # names, and after a NUL the targets of links
        self._ends = array("Q", [0])
        self._starts = array("Q")
        self._kinds = bytearray()

    def fill(self, pieces: Iterator[bytes]) -> None:
        """Take in the tar that `pieces` are, read to their end; raises Corrupt, and OSError of the file."""
        whole = PieceStream(bounded(pieces, DEFAULT_LIMITS.content, "tar"))
        stream = LayerStream(cast(BinaryIO, whole))
        for header in stream.headers():
            self._add(header)
            self._file.write(header_bytes(header))  # what stands before it (pax global headers) has had its say
            for piece in iter(lambda: stream.read(_PIECE), b""):
                self._file.write(piece)
            self._file.write(stream.read_padding())
        whole.drain()

    def _add(self, header: TarHeader) -> None:
        self._starts.append(self._file.tell())
        self._kinds.append(_KINDS.index(header.kind))
        self._text += f"{header.name}\0{header.link_name}".encode("utf-8", "surrogateescape")
        self._ends.append(len(self._text))
        if len(self._kinds) > DEFAULT_LIMITS.entries or len(self._text) > DEFAULT_LIMITS.text_in_all:
            raise OverLimit(f"tar: {len(self._kinds)} entries, {len(self._text)} bytes of names; expected fewer")

    @property
    def entries(self) -> Sequence[Entry]:
        """Itself: entries are made when they are asked for."""
        return self

    def outline(self) -> Iterator[Outline]:
        """Names and kinds, some at a time."""
        return outlined(self._parts(position)[:2] for position in range(len(self)))

    def stat(self, position: int) -> Stat:
        """What listings show of an entry."""
        return stat_of(self[position])

    def open(self, position: int) -> ReaderAt:
        """The content of a file."""
        header, _ = self.read_header(position)
        start = self._starts[position] + len(header.raw)
        return Section(FileReader(self._file, start + header.size), start, header.size)

    def read_header(self, position: int) -> tuple[TarHeader, TarStream]:
        """All that the tar says of an entry, and the stream that its content is read from next."""
        self._file.seek(self._starts[position])
        stream = TarStream(self._file)
        header = stream.next()
        if header is None:
            raise Corrupt(f"temporary file: ends before entry {position}; expected what was written")
        return header, stream

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, position: int) -> Entry: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Entry]: ...
    def __getitem__(self, position: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        name, kind, link_name = self._parts(position)
        return Placed(name, kind, link_name=link_name, layer=self._number, position=position)

    def _parts(self, position: int) -> tuple[str, Kind, str]:
        text = self._text[self._ends[position] : self._ends[position + 1]].decode("utf-8", "surrogateescape")
        name, _, link_name = text.partition("\0")
        return name, _KINDS[self._kinds[position]], link_name
