"""Large uncompressed tars: headers by ranges, payloads passed over; then each file is a range of the blob.

A tar has no digests below the blob's own, and nothing here reads all of it: what is read is passed on as it comes, and
kept for nobody who has the blob from elsewhere.
"""

from __future__ import annotations

from crfs_dav.archive import Archive
from crfs_dav.errors import Corrupt
from crfs_dav.formats.candidate import Candidate
from crfs_dav.formats.columns import NO_DIGEST, Columns
from crfs_dav.formats.limits import MIB, Limits
from crfs_dav.formats.tarentries import TarArchive, TarScan
from crfs_dav.formats.tarstream import TarHeader, TarStream
from crfs_dav.readers import ReaderAt

_FIRST_READ = 256 << 10  # bytes
_LAST_READ = 8 * MIB
_NEAR = 64 << 10  # bytes passed over, for which it is reading on


class RangeStream:
    """A blob as a file to be read forward, with jumps; reads grow while nothing is jumped over. For one thread."""

    def __init__(self, blob: ReaderAt) -> None:
        self._blob = blob
        self._data = memoryview(b"")
        self._start = 0  # of the data in the blob
        self._size = _FIRST_READ
        self.offset = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end."""
        found = bytearray()
        while len(found) < size:
            part = self._at_hand()[: size - len(found)]
            if not part:
                break
            found += part
            self.offset += len(part)
        return bytes(found)

    def skip(self, size: int) -> None:
        """Go on `size` bytes further; raises Corrupt where that is beyond the end."""
        self.offset += size
        if self.offset > self._blob.size:
            raise Corrupt(f"tar: ends {self.offset - self._blob.size} bytes early; expected the rest of a payload")

    def _at_hand(self) -> memoryview:
        end = self._start + len(self._data)
        if not self._start <= self.offset < end:
            is_near = end > 0 and 0 <= self.offset - end <= _NEAR
            self._size = min(2 * self._size, _LAST_READ) if is_near else _FIRST_READ
            self._start, self._data = self.offset, memoryview(self._blob.read_at(self.offset, self._size))
        return self._data[self.offset - self._start :]


def open_tar_ranges(candidate: Candidate) -> Archive:
    """The archive in a blob that is a tar; raises Corrupt for a broken one, Unavailable while it is looked through."""
    means, key = candidate.means, f"{candidate.descriptor.digest}/tar"
    passes = means.passes
    columns = _scan(candidate) if passes is None else passes.run(f"{key} {means.source}", lambda: _scan(candidate))
    return TarArchive(columns, candidate.blob)


def _scan(candidate: Candidate) -> Columns:
    try:
        return scan_headers(candidate.blob, candidate.limits)
    except Corrupt as error:
        raise type(error)(f"layer {candidate.descriptor.digest}: {error}") from None


def scan_headers(blob: ReaderAt, limits: Limits) -> Columns:
    """Entries of the tar that `blob` is, without digests, and where in it their contents lie; raises Corrupt."""
    stream = RangeStream(blob)
    return _HeaderScan(_RangedTar(stream), stream, limits).run()


class _RangedTar(TarStream):
    def __init__(self, stream: RangeStream) -> None:
        super().__init__(stream)  # type: ignore[arg-type]  # reads, and that is all it is asked
        self._ranges = stream

    def skip_payload(self) -> None:
        self._ranges.skip(self._left)
        self._ranges.offset += self._padding  # the last payload may go without
        self._left = self._padding = 0


class _HeaderScan(TarScan):
    def content_digest(self, header: TarHeader) -> int:
        return NO_DIGEST
