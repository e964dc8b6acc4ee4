"""Manifests, configs and other small documents in a `ByteStore`: after a restart they cost no request.

They lie under `<digest>/document`, beside the ranges of blobs, whose names are numbers.
"""

from __future__ import annotations

from crfs_dav.names import Digest
from crfs_dav.readers import ByteStore


def kept_document(store: ByteStore, digest: Digest) -> bytes | None:
    """The document that has `digest`, checked; None where it is not kept. One that is broken is forgotten."""
    document = store.get(_key(digest))
    if document is None or digest.matches(document):
        return document
    store.discard(_key(digest))
    return None


def keep_document(store: ByteStore, digest: Digest, document: bytes) -> None:
    """Keep what was checked to have `digest`, if there is room for it."""
    store.put(_key(digest), document)


def _key(digest: Digest) -> str:
    return f"{digest}/document"
