"""One blob on its way into a repository: OCI distribution-spec v1.1, "Pushing a blob in chunks".

POST     a place to upload to                        `Location`, a new one with every answer
PATCH    bytes [offset, end), in order               202; 413, or 416 of GHCR over 4 MiB: smaller chunks
GET      after a break: how far it got               `Range: 0-<last>`; 404 (Azure forgets): begin anew
PUT      the digest; no bytes, so that it may be sent again
DELETE   where anything else ends it

`Range` is believed only after a break: ECR's says the same after every chunk. If that led astray, the digest is
wrong in the end, and all is sent once more without believing it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from crfs_dav.errors import Corrupt, CrfsError, Unavailable
from crfs_dav.names import Repository
from crfs_dav.oci import Descriptor
from crfs_dav.registry.check import check, error_of
from crfs_dav.registry.deadline import Deadline
from crfs_dav.registry.reply import Reply
from crfs_dav.registry.transport import Call, Transport
from crfs_dav.registry.urls import check_target, resolve_url

_log = logging.getLogger(__name__)

_LARGEST_CHUNK = 64 << 20  # bytes: what a break may cost, and what proxies (Cloudflare: 100 MB) let pass
_SMALLEST_CHUNK = 1 << 20  # nginx' client_max_body_size, where nobody set it
_FAILURES = 6  # one after the other without a byte of progress
_BACKOFF_SECONDS = 0.5  # before the second try, twice that before the next
_LONGEST_WAIT_SECONDS = 60.0  # for a Retry-After; who asks for more is told of to the user
_SLICE_SECONDS = 0.25  # of a wait, after which somebody may have had enough
_CANCEL_SECONDS = 5.0
_BLOCK_SIZE = 1 << 20  # bytes
_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")

Sent = Callable[[int], None]


class BlobUpload:
    """The upload of `content`, a seekable file, as the blob that `descriptor` describes. For one thread."""

    def __init__(
        self, transport: Transport, repository: Repository, descriptor: Descriptor, *, location: str | None = None
    ) -> None:
        self._transport = transport
        self._repository = repository
        self._descriptor = descriptor
        self._location = location
        self._call = Call(repository.registry, f"{repository.name}/blobs/uploads/", repository.scope("pull,push"))
        self._chunk = _LARGEST_CHUNK
        self._smallest = _SMALLEST_CHUNK
        self._offset = 0  # bytes that the registry has, as far as we know
        self._is_unsure = False  # of the offset
        self._trusts_range = True
        self._has_resumed = False
        self._failures = 0

    def run(self, content: BinaryIO, on_sent: Sent) -> None:
        """Returns once the blob is there. Raises CrfsError, or what `on_sent` raises; then the upload is cancelled."""
        try:
            while True:
                try:
                    self._go_on(content, on_sent)
                    return
                except _Broken as broken:
                    self._recover(broken.error, on_sent)
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Tell the registry, if it can be told, that nothing more will come."""
        location, self._location = self._location, None
        if location is None:
            return
        call = replace(self._call, method="DELETE", location=location)
        try:
            self._ask(call, Deadline(_CANCEL_SECONDS, self._transport.clock)).close()
        except (CrfsError, _Broken) as error:
            _log.debug("upload of %s not cancelled: %s", self._descriptor.digest, error)

    def _go_on(self, content: BinaryIO, on_sent: Sent) -> None:
        """Do what is left, from wherever it stands; raises _Broken for what may pass."""
        self._settle()
        while self._offset < self._descriptor.size:
            self._send_chunk(content, on_sent)
            self._settle()
        on_sent(self._offset)
        self._finish(content)

    def _settle(self) -> None:
        """Have an upload, and know how far it got."""
        if self._is_unsure and self._location is not None:
            self._find_offset()
        if self._location is None:
            self._begin()

    def _begin(self) -> None:
        with self._ask(replace(self._call, method="POST"), self._transport.deadline()) as reply:
            check(reply, 202)
            self._location = location_told(reply)
            smallest = reply.headers.get("OCI-Chunk-Min-Length", "")
        if re.fullmatch("[0-9]{1,15}", smallest):
            self._smallest = max(_SMALLEST_CHUNK, int(smallest))
            self._chunk = max(self._chunk, self._smallest)
        self._offset = 0
        self._is_unsure = self._has_resumed = False

    def _send_chunk(self, content: BinaryIO, on_sent: Sent) -> None:
        start, end = self._offset, min(self._offset + self._chunk, self._descriptor.size)
        headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{start}-{end - 1}"}
        piece = _Piece(content, start, end, on_sent)
        call = replace(self._call, method="PATCH", headers=headers, location=self._location, body=piece)
        self._is_unsure = True
        with self._ask(call, self._transport.deadline(end - start)) as reply:
            if reply.status in (413, 416):
                self._take_refusal(reply)
                return
            if reply.status == 404:
                self._location = None
                raise _Broken(error_of(reply, 202))
            check(reply, 201, 202, 204)  # 201: ECR
            self._location = location_told(reply)
        self._offset = end
        self._failures = 0
        self._is_unsure = False

    def _take_refusal(self, reply: Reply) -> None:
        """Have the next chunk begin elsewhere, or be smaller; raises CrfsError where that is no help."""
        told = _offset_told(reply)
        if reply.status == 416 and (self._has_resumed or told not in (None, self._offset)):
            self._trusts_range = self._trusts_range and not self._has_resumed
            raise _Broken(error_of(reply, 202))
        if self._chunk <= self._smallest:
            raise error_of(reply, 202)
        self._shrink()
        _log.debug("%s: %d; now %d bytes at once", reply.what, reply.status, self._chunk)
        if reply.status == 416:  # else a proxy's refusal: it may have cut the body off anywhere
            self._location = location_told(reply) or self._location
            self._is_unsure = False

    def _shrink(self) -> None:
        self._chunk = max(self._smallest, min(self._chunk, self._descriptor.size) // 4)

    def _find_offset(self) -> None:
        """Learn how far the registry got; where it does not say, or shall not be believed, the upload is given up."""
        offset = None
        if self._trusts_range:
            call = replace(self._call, location=self._location)
            with self._ask(call, self._transport.deadline()) as reply:
                if reply.status in (200, 202, 204):
                    offset = _offset_told(reply)
                    self._location = location_told(reply) or self._location
                elif reply.status == 404:
                    self._location = None
        if offset is None or offset > self._descriptor.size:
            self.cancel()
            return
        if offset > self._offset:
            self._failures = 0
        self._has_resumed = True
        self._offset = offset
        self._is_unsure = False

    def _finish(self, content: BinaryIO) -> None:
        location = self._location or ""
        location += f"{'&' if '?' in location else '?'}digest={self._descriptor.digest}"
        deadline = self._transport.deadline(self._descriptor.size)  # the registry reads it all again, maybe
        with self._ask(replace(self._call, method="PUT", location=location), deadline) as reply:
            if reply.status in (201, 202, 204) or (reply.status == 404 and self._is_there()):
                self._location = None
                return
            self._check_digest(content)
            error = error_of(reply, 201)
            if reply.status == 400:
                error = Corrupt(str(error))
            if not self._has_resumed or not self._trusts_range:
                raise error
            self._trusts_range = False
            self._is_unsure = True
            raise _Broken(error)

    def _is_there(self) -> bool:
        """True if the blob is there after all: an answer was lost, and the upload had ended with it."""
        call = replace(self._call, method="HEAD", path=f"{self._repository.name}/blobs/{self._descriptor.digest}")
        with self._ask(call, self._transport.deadline()) as reply:
            return reply.status == 200

    def _check_digest(self, content: BinaryIO) -> None:
        """Nothing, if it was not `content` that was wrong; raises Corrupt."""
        content.seek(0)
        digest = self._descriptor.digest
        found = hashlib.new(digest.algorithm)
        while block := content.read(_BLOCK_SIZE):
            found.update(block)
        if found.hexdigest() != digest.hex:
            raise Corrupt(f"blob {digest}: content with another digest; expected its own")

    def _recover(self, error: CrfsError, on_sent: Sent) -> None:
        """Wait a while; raises `error` after too many failures, or for too long a wait."""
        self._failures += 1
        if self._failures > 1 and self._is_unsure:
            self._shrink()  # nginx closes the connection on what is too big, and its 413 is lost with it
        asked = error.retry_after_seconds if isinstance(error, Unavailable) else None
        wait = _BACKOFF_SECONDS * 2 ** (self._failures - 1) if asked is None else asked
        if self._failures >= _FAILURES or wait > _LONGEST_WAIT_SECONDS:
            raise error
        _log.info("%s; trying again in %g s", error, wait)
        while wait > 0:
            on_sent(self._offset)
            self._transport.clock.sleep(min(wait, _SLICE_SECONDS))
            wait -= _SLICE_SECONDS

    def _ask(self, call: Call, deadline: Deadline) -> Reply:
        """The reply, of a status that will not pass; raises _Broken for others, and where there was none."""
        try:
            reply = self._transport.ask(call, deadline)
        except Unavailable as error:
            raise _Broken(error) from None
        if reply.status in _PASSING_STATUSES:
            with reply:
                raise _Broken(error_of(reply, 202))
        return reply


class _Broken(Exception):
    """What may pass: no answer, throttling, a server in trouble."""

    def __init__(self, error: CrfsError) -> None:
        super().__init__(str(error))
        self.error = error


class _Piece:
    """A `ReaderAt` over bytes `[start, end)` of a file, which tells how far it was read."""

    def __init__(self, content: BinaryIO, start: int, end: int, on_read: Sent) -> None:
        self._content = content
        self._start = start
        self._on_read = on_read
        self.size = end - start

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes `[offset, offset+size)`, fewer only at the end; raises Corrupt for a file that is too short."""
        self._on_read(self._start + offset)
        size = min(size, self.size - offset)
        self._content.seek(self._start + offset)
        data = self._content.read(size)
        if len(data) != size:
            raise Corrupt(f"content: ends after {self._start + offset + len(data)} bytes; expected more")
        return data


def location_told(reply: Reply) -> str | None:
    """URL for the next request of an upload, where `reply` names one; raises Corrupt or AccessDenied for a bad one."""
    text = reply.headers.get("Location")
    if text is None:
        return None
    url = resolve_url(reply.url, text)
    check_target(reply.url, url, reply.url)
    return url


def _offset_told(reply: Reply) -> int | None:
    """Bytes that the registry has. `0-0` is none: so distribution spells it, and one byte is never all there is."""
    match = _RANGE.fullmatch(reply.headers.get("Range", "").strip())
    if match is None:
        return None
    return int(match[1]) + 1 if match[1] != "0" else 0
