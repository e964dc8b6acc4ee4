"""An image on its way into a repository: OCI distribution-spec v1.1, "Push". For any number of threads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlencode

from crfs_dav.errors import Corrupt, CrfsError
from crfs_dav.names import Digest, Reference, Repository
from crfs_dav.oci import Descriptor
from crfs_dav.readers import BytesReader
from crfs_dav.registry.blobupload import BlobUpload, Sent, location_told
from crfs_dav.registry.check import check, clean
from crfs_dav.registry.transport import Call, Transport

_log = logging.getLogger(__name__)


class RegistryTarget:
    """A reference to write an image under; a context manager that cancels, in the end, what was begun for nothing.

    Its `put_root` sets the tag, and nothing else does.
    """

    def __init__(self, transport: Transport, reference: Reference) -> None:
        self._transport = transport
        self._reference = reference
        self._repository = reference.repository
        self._call = Call(self._repository.registry, self._repository.name, self._repository.scope("pull,push"))
        self._begun: dict[Digest, BlobUpload] = {}  # by mounts that became uploads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        while self._begun:
            self._begun.popitem()[1].cancel()

    @property
    def name(self) -> str:
        """The reference."""
        return str(self._reference)

    def has(self, descriptor: Descriptor) -> bool:
        """True if the repository has the blob; raises AccessDenied, Unavailable."""
        call = self._to(f"blobs/{descriptor.digest}")
        call = replace(call, method="HEAD", location=f"/v2/{call.path}")  # a mirror's having it would be no help
        with _about(descriptor, self.name), self._transport.ask(call, self._transport.deadline()) as reply:
            if reply.location is None:
                check(reply, 200, 404)
            return reply.status == 200 or reply.location is not None  # sent on to storage, which refuses HEAD: GHCR

    def mount(self, descriptor: Descriptor, repository: Repository) -> bool:
        """True if the registry gave the blob of `repository` to this one, too; whatever else it says is no error."""
        if repository.registry != self._repository.registry or repository == self._repository:
            return False
        query = urlencode({"mount": str(descriptor.digest), "from": repository.name})
        call = replace(self._to(f"blobs/uploads/?{query}"), method="POST")
        try:
            with self._transport.ask(call, self._transport.deadline()) as reply:
                if reply.status == 202 and (location := location_told(reply)) is not None:
                    self._begun[descriptor.digest] = self._upload(descriptor, location)
                return reply.status == 201
        except CrfsError as error:
            _log.debug("blob %s not mounted: %s", descriptor.digest, error)
            return False

    def put_blob(self, descriptor: Descriptor, content: BinaryIO, on_sent: Sent) -> None:
        """Have the blob there: all of `content`, a seekable file, or nothing.

        Raises AccessDenied, Unavailable, Corrupt, or what `on_sent` raises, and cancels the upload then.
        """
        upload = self._begun.pop(descriptor.digest, None) or self._upload(descriptor, None)
        with _about(descriptor, self.name):
            upload.run(content, on_sent)

    def put_manifest(self, descriptor: Descriptor, document: bytes, on_sent: Sent) -> None:
        """Have the manifest there by its digest; raises AccessDenied, Unavailable, Corrupt, or what `on_sent` does."""
        self._put(descriptor, _Told(document, on_sent), str(descriptor.digest))

    def put_root(self, descriptor: Descriptor, document: bytes, on_sent: Sent) -> None:
        """Have the manifest there, and the tag lead to it; raises as `put_manifest`."""
        self._put(descriptor, _Told(document, on_sent), self._reference.identifier)

    def _put(self, descriptor: Descriptor, body: _Told, identifier: str) -> None:
        headers = {"Content-Type": descriptor.media_type}
        call = replace(self._to(f"manifests/{identifier}"), method="PUT", headers=headers, body=body)
        with self._transport.ask(call, self._transport.deadline(body.size)) as reply:
            check(reply, 201)
            told = reply.headers.get("Docker-Content-Digest", str(descriptor.digest))
        if told != str(descriptor.digest):
            raise Corrupt(f"{reply.what}: registry says {clean(told)}; expected {descriptor.digest}")

    def _upload(self, descriptor: Descriptor, location: str | None) -> BlobUpload:
        return BlobUpload(self._transport, self._repository, descriptor, location=location)

    def _to(self, path: str) -> Call:
        return replace(self._call, path=f"{self._repository.name}/{path}")


class _Told(BytesReader):
    """A document that tells each time that it is sent: a try before may have failed, and been waited after."""

    def __init__(self, document: bytes, on_sent: Sent) -> None:
        super().__init__(document)
        self._on_sent = on_sent

    def read_at(self, offset: int, size: int) -> bytes:
        """As `BytesReader`; raises what `on_sent` raises."""
        if offset == 0:
            self._on_sent(0)
        return super().read_at(offset, size)


@contextmanager
def _about(descriptor: Descriptor, name: str) -> Iterator[None]:
    """Errors that come out of here say which blob it was."""
    try:
        yield
    except CrfsError as error:
        error.args = (f"blob {descriptor.digest} to {name}: {error}",)
        raise
