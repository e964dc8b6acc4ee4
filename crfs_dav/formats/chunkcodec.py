"""How chunks are made of a blob's bytes, and verified: by digest; where a format has none, by its member's checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from crfs_dav.errors import Corrupt
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.gzipmember import inflate, inflate_whole
from crfs_dav.formats.limits import MIB

_BEHIND_LIMIT = MIB  # bytes of headers and padding behind a chunk, up to which its member is unpacked whole
_TRAILING_LIMIT = 64 * MIB  # bytes inflated after a chunk without a digest, to reach its member's CRC


class Compressed(Protocol):
    """Blob bytes `[chunk.start, chunk.end)` of a chunk, or as many of them as an honest one can need."""

    @property
    def at_hand(self) -> memoryview:
        """The first of them: those that the planned read has brought."""
        ...

    def __iter__(self) -> Iterator[memoryview]:
        """All of them in small pieces; beyond the planned read they are read when asked for."""
        ...


class ChunkCodec(Protocol):
    """How chunks are made of a blob's bytes."""

    @property
    def decode(self) -> Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]:
        """Content of a member from its compressed bytes; raises Corrupt."""
        ...

    def content(self, chunk: Chunk, compressed: Compressed) -> bytes:
        """Content of `chunk`, verified; raises Corrupt."""
        ...


class Codec(NamedTuple):
    """How members are unpacked: their content in small pieces from their compressed bytes; both raise Corrupt."""

    decode: Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]
    decode_checked: Callable[[Iterable[bytes | memoryview]], Iterator[bytes]]  # to the end, a checksum has been passed

    def content(self, chunk: Chunk, compressed: Compressed) -> bytes:
        """Content of a chunk, verified."""
        decode = self.decode if chunk.digests else self.decode_checked
        return extract(decode(compressed), chunk)


class _GzipCodec(Codec):
    """Unpacks a member whole where it is all at hand and not much larger than the chunk: that is the faster way."""

    def content(self, chunk: Chunk, compressed: Compressed) -> bytes:
        data, needed = compressed.at_hand, chunk.inner_offset + chunk.size
        is_whole = len(data) == chunk.end - chunk.start
        content = inflate_whole(data, needed + _BEHIND_LIMIT) if is_whole else None
        if content is None or len(content) < needed:
            return super().content(chunk, compressed)
        return extract(iter([content]), chunk)


GZIP = _GzipCodec(inflate, inflate)


def extract(pieces: Iterator[bytes | memoryview], chunk: Chunk) -> bytes:
    """Content of `chunk` from the content of its member, verified; raises Corrupt.

    Without a digest the member is read to its end, where its CRC is checked.
    """
    hashes = [hashlib.new(digest.algorithm) for digest in chunk.digests]
    found: list[bytes | memoryview] = []
    skip, missing, trailing = chunk.inner_offset, chunk.size, 0
    for piece in pieces:
        part = piece[skip : skip + missing]
        skip = max(0, skip - len(piece))
        if part:
            missing -= len(part)
            found.append(part)
            for each in hashes:
                each.update(part)
        elif not missing:
            trailing += len(piece)
        if trailing > _TRAILING_LIMIT or (hashes and not missing):
            break
    if trailing > _TRAILING_LIMIT:
        raise Corrupt(f"member: {trailing} bytes after the chunk; expected at most {_TRAILING_LIMIT}")
    if missing:
        raise Corrupt(f"chunk: {chunk.size - missing} bytes; expected {chunk.size}")
    for digest, each in zip(chunk.digests, hashes, strict=True):
        if each.hexdigest() != digest.hex:
            raise Corrupt(f"chunk: {digest.algorithm}:{each.hexdigest()}; expected {digest}")
    return found[0] if len(found) == 1 and isinstance(found[0], bytes) else b"".join(found)
