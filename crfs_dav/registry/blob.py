"""One blob of a registry by byte ranges: OCI distribution-spec v1.1, "Pulling blobs", with RFC 9110, 14 (ranges).

A good read is one request: registries that keep blobs elsewhere redirect to a signed URL, which is remembered
until it expires. A body that breaks off is continued from where it broke.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

from crfs_dav.errors import Corrupt, CrfsError, Unavailable
from crfs_dav.names import Repository
from crfs_dav.oci import Descriptor
from crfs_dav.registry.check import check, clean
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.transport import Call, Transport

_log = logging.getLogger(__name__)

_CONTENT_RANGE = re.compile(r"bytes\s+([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.IGNORECASE)
_EXPIRED_STATUSES = frozenset({400, 401, 403, 404, 410})  # what storage says to an old signed URL: S3, GCS, Azure
_TRIES = 4  # bodies of one read that may break off, less one
_PROGRESS = 1 << 20  # bytes after which a stream that breaks off may break off as often again


class RegistryBlob:
    """A `ReaderAt` over a blob as the registry stores it. What it returns is not verified: a range has no digest."""

    def __init__(self, transport: Transport, repository: Repository, descriptor: Descriptor) -> None:
        self._transport = transport
        self._repository = repository
        self._descriptor = descriptor
        self.ignores_ranges = False  # once everything was sent where a part was asked for
        self._location: str | None = None  # where the last redirect led; threads may race for it, any is right

    @property
    def size(self) -> int:
        """Bytes in all, as the descriptor says."""
        return self._descriptor.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, fewer only at the end; raises NotFound, AccessDenied, Unavailable, Corrupt."""
        end = min(offset + size, self.size)
        if offset < 0:
            raise ValueError(f"offset: {offset}; expected 0 or more")
        if end <= offset:
            return b""
        deadline = self._transport.deadline(end - offset)
        content = bytearray()
        for _ in range(_TRIES):
            with self._open(offset + len(content), end, deadline) as reply:
                _pour(reply, content, end - offset, skip=offset + len(content) if reply.status == 200 else 0)
            if len(content) == end - offset:
                return bytes(content)
        raise Unavailable(f"{self._what}: broke off {_TRIES} times, {len(content)} bytes; expected {end - offset}")

    def stream(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Bytes `[offset, offset+size)` as they arrive, by one request; what breaks off is continued.

        Raises as `read_at`.
        """
        end = self.size if size is None else min(offset + size, self.size)
        without_progress = 0
        while offset < end:
            start = offset
            deadline = self._transport.deadline(end - offset)
            with self._open(offset, end, deadline) as reply:
                for block in _blocks(reply, skip=offset if reply.status == 200 else 0):
                    is_over = offset + len(block) > end
                    if is_over and (reply.status == 206 or end == self.size):
                        raise Corrupt(f"{reply.what}: body of more bytes than its range; expected {end - start}")
                    yield block[: end - offset]
                    offset += len(block)
                    if is_over:
                        return
            without_progress = 0 if offset - start >= _PROGRESS else without_progress + 1
            if offset < end and without_progress == _TRIES:
                raise Unavailable(f"{self._what}: broke off {_TRIES} times, {offset} bytes; expected {end}")

    @property
    def _what(self) -> str:
        return f"blob {self._descriptor.digest} of {self._repository}"

    def _open(self, start: int, end: int, deadline: Deadline) -> Reply:
        """Reply of status 200 or 206 that holds bytes `[start, end)`, its body unread."""
        location = self._location
        reply = self._ask(start, end, deadline=deadline, location=location)
        if location is not None and reply.status in _EXPIRED_STATUSES:
            reply.close()
            reply = self._ask(start, end, deadline=deadline, location=None)
        try:
            check(reply, 200, 206)
            self._check_extent(reply, start, end)
        except BaseException:
            self._location = None
            reply.close()
            raise
        self._location = reply.location
        return reply

    def _ask(self, start: int, end: int, *, deadline: Deadline, location: str | None) -> Reply:
        path = f"{self._repository.name}/blobs/{self._descriptor.digest}"
        headers = {"Range": f"bytes={start}-{end - 1}"}
        call = Call(self._repository.registry, path, self._repository.scope(), headers=headers, location=location)
        try:
            return self._transport.ask(call, deadline)
        except CrfsError:
            self._location = None
            raise

    def _check_extent(self, reply: Reply, start: int, end: int) -> None:
        """Nothing, if the body is what was asked for, its end excepted: a server may send less (RFC 9110, 15.3.7)."""
        if reply.status == 200:
            length = reply.headers.get("Content-Length")
            if length not in (None, str(self.size)):
                raise Corrupt(f"{self._what}: {clean(length)} bytes; expected {self.size}")
            _log.debug("%s: registry ignores Range; %d bytes to skip", self._what, start)
            self.ignores_ranges = self.ignores_ranges or (start, end) != (0, self.size)
            return
        text = reply.headers.get("Content-Range", "none")
        match = _CONTENT_RANGE.fullmatch(text.strip())
        fits = match and int(match[1]) == start and start <= int(match[2]) < end and match[3] in ("*", str(self.size))
        if not fits:
            wanted = f"bytes {start}-{end - 1}/{self.size}"
            raise Corrupt(f"{self._what}: Content-Range {clean(text)}; expected {wanted}")


def _blocks(reply: Reply, *, skip: int) -> Iterator[bytes]:
    """The body of `reply` after its first `skip` bytes, until it ends or breaks off."""
    try:
        for block in reply.blocks():
            if skip < len(block):
                yield block[skip:]
            skip = max(0, skip - len(block))
    except Unavailable as error:
        _log.debug("%s", error)


def _pour(reply: Reply, content: bytearray, size: int, *, skip: int) -> None:
    """Append to `content`, up to `size` bytes in all, the body of `reply` after its first `skip` bytes.

    Stops where the body breaks off. Raises Corrupt for a body that goes on: all of a 206 is wanted.
    """
    try:
        for block in reply.blocks():
            content += block[skip:]
            skip = max(0, skip - len(block))
            if len(content) > size or (len(content) == size and reply.status == 200):
                break
    except Unavailable as error:
        _log.debug("%s", error)
    if len(content) > size and reply.status == 206:
        raise Corrupt(f"{reply.what}: body of more bytes than its range; expected {size}")
    del content[size:]
