"""Where an image comes from and where it goes: what a registry, an OCI layout and a test have in common.

Both are used by several threads at once. Whatever they raise, apart from what a callback given to them raises, is a
CrfsError or an OSError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

from crfs_dav.names import Repository
from crfs_dav.oci import Descriptor
from crfs_dav.readers import ReaderAt


class Source(Protocol):
    """One image to read: an index or a manifest, and the blobs that it names."""

    @property
    def name(self) -> str:
        """What people call it: the reference, or the path."""
        ...

    @property
    def repository(self) -> Repository | None:
        """Where its blobs lie, for a target in the same registry to mount them from; None outside of registries."""
        ...

    def root(self) -> Descriptor:
        """The manifest or index that it is; asked once."""
        ...

    def manifest(self, descriptor: Descriptor) -> bytes:
        """The manifest or index of this digest, which is checked; raises Corrupt where it is another."""
        ...

    def blob(self, descriptor: Descriptor) -> ReaderAt:
        """The blob of this digest, not checked; no I/O yet. It is read from its start to its end, or by ranges."""
        ...


Sent = Callable[[int], None]
"""Told how many bytes of a blob are at the target by now; raises to stop the upload."""


class Target(Protocol):
    """One name to write an image under. Blobs come first, then manifests, then the root: all that it names is there."""

    @property
    def name(self) -> str:
        """What people call it: the reference, or the path."""
        ...

    def has(self, descriptor: Descriptor) -> bool:
        """True if the blob is there."""
        ...

    def mount(self, descriptor: Descriptor, repository: Repository) -> bool:
        """True if the blob is there now, taken over from `repository` without its bytes; False where that cannot be."""
        ...

    def put_blob(self, descriptor: Descriptor, content: BinaryIO, on_sent: Sent) -> None:
        """Have the blob there: all bytes of `content`, a seekable file, or none if anything raises.

        `on_sent` may raise to end it (the conversion was stopped): then what is half sent is cancelled, and the
        exception passed on. Raises Corrupt where `content` has not the descriptor's digest: not all content was
        checked before.
        """
        ...

    def put_manifest(self, descriptor: Descriptor, document: bytes, on_sent: Sent) -> None:
        """Have the manifest there, under its digest only: one of those that the root, an index, names.

        `on_sent` is told 0 before every try, and may raise to end it.
        """
        ...

    def put_root(self, descriptor: Descriptor, document: bytes, on_sent: Sent) -> None:
        """Have the manifest or index there, under the target's name: from then on the image is there.

        `on_sent` is told 0 before every try, and may raise: then nothing has the name, unless a try before had it.
        """
        ...
