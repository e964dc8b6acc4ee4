"""An image in a registry as something to be read whole: manifests as stored, blobs by offset."""

from __future__ import annotations

from crfs_dav.names import Reference, Repository
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ReaderAt
from crfs_dav.registry.client import RegistryClient


class RegistrySource:
    """The image that a reference names; for any number of threads."""

    def __init__(self, client: RegistryClient, reference: Reference) -> None:
        self._client = client
        self._reference = reference

    @property
    def name(self) -> str:
        """The reference."""
        return str(self._reference)

    @property
    def repository(self) -> Repository:
        """Where its blobs lie."""
        return self._reference.repository

    def root(self) -> Descriptor:
        """Its manifest or index; raises NotFound, AccessDenied, Unavailable."""
        return self._client.resolve(self._reference)

    def manifest(self, descriptor: Descriptor) -> bytes:
        """The document that has this digest; raises NotFound, AccessDenied, Unavailable, Corrupt."""
        return self._client.manifest(self.repository, descriptor).document

    def blob(self, descriptor: Descriptor) -> ReaderAt:
        """The blob's bytes, not verified; nothing is asked before the first read."""
        return self._client.blob(self.repository, descriptor)
