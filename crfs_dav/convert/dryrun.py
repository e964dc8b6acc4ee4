"""A target that writes nothing: all the work is done, and thrown away, to see what would come of it."""

from __future__ import annotations

from typing import BinaryIO

from crfs_dav.convert.ports import Sent, Target
from crfs_dav.names import Repository
from crfs_dav.oci import Descriptor


class DryTarget:
    """`target`, asked what it has and never told anything."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def name(self) -> str:
        """The name of what would be written."""
        return self._target.name

    def has(self, descriptor: Descriptor) -> bool:
        """True if the blob is there."""
        return self._target.has(descriptor)

    def mount(self, descriptor: Descriptor, repository: Repository) -> bool:
        """False: nothing is taken over."""
        return False

    def put_blob(self, descriptor: Descriptor, content: BinaryIO, on_sent: Sent) -> None:
        """Nothing."""
        on_sent(descriptor.size)

    def put_manifest(self, descriptor: Descriptor, document: bytes, on_sent: Sent) -> None:
        """Nothing."""

    def put_root(self, descriptor: Descriptor, document: bytes, on_sent: Sent) -> None:
        """Nothing."""
