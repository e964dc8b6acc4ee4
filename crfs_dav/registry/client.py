"""The questions that registries answer: OCI distribution-spec v1.1, "Pull" and "Content Discovery"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from crfs_dav.errors import BadName, Corrupt
from crfs_dav.names import Digest, Reference, Registry, Repository, digest_of, parse_digest, parse_repository
from crfs_dav.oci import MANIFEST_SIZE_LIMIT, MANIFEST_TYPES, Descriptor, Index, Manifest, parse_manifest
from crfs_dav.registry.blob import RegistryBlob
from crfs_dav.registry.check import check
from crfs_dav.registry.listers.choose import Listers
from crfs_dav.registry.listers.lister import Level
from crfs_dav.registry.listing import Tag, tag_pages, tags_of
from crfs_dav.registry.transport import Call, Transport

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_NO_HEAD_STATUSES = frozenset({400, 405, 406, 501})


class RegistryClient:
    """All registries, read only; for any number of threads. A context manager that closes its connections."""

    def __init__(self, transport: Transport, listers: Listers) -> None:
        self._transport = transport
        self._listers = listers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._transport.close()

    def resolve(self, reference: Reference) -> Descriptor:
        """Type, digest and size of the manifest that `reference` names now; by HEAD, which Docker Hub does not count.

        Raises NotFound, AccessDenied, Unavailable, Corrupt.
        """
        deadline = self._transport.deadline()
        call = _manifest_call(reference.repository, reference.identifier)
        with self._transport.ask(replace(call, method="HEAD"), deadline) as reply:
            if reply.status not in _NO_HEAD_STATUSES:
                check(reply, 200)
            descriptor = _described(reply.headers, reference) if reply.status == 200 else None
        if descriptor is not None:
            return descriptor
        reply, document = self._transport.fetch(call, MANIFEST_SIZE_LIMIT, deadline)
        digest = reference.digest or digest_of(document)
        _check_digest(digest, document, reply.what)
        return Descriptor(_media_type(reply.headers), digest, len(document))

    def manifest(self, repository: Repository, descriptor: Descriptor) -> Manifest | Index:
        """The manifest or index that has the digest of `descriptor`, which is checked.

        Raises NotFound, AccessDenied, Unavailable, Corrupt.
        """
        call, deadline = _manifest_call(repository, str(descriptor.digest)), self._transport.deadline()
        self._transport.expect_more(repository.registry, deadline)
        reply, document = self._transport.fetch(call, MANIFEST_SIZE_LIMIT, deadline)
        _check_digest(descriptor.digest, document, reply.what)
        return parse_manifest(document, _media_type(reply.headers) or descriptor.media_type)

    def tags(self, repository: Repository) -> Iterator[Tag]:
        """Tags of `repository` in the registry's order, page by page; raises NotFound, AccessDenied, Unavailable."""
        pages = tag_pages(self._transport, repository, self._listers.of(repository.registry).page_size)
        return (tag for page in pages for tag in tags_of(page))

    def listing_place(self, registry: Registry, name: str) -> str:
        """The name whose `level` tells what lies directly below `name`; `""` for the whole registry."""
        return self._listers.of(registry).place(name)

    def level_has_tags(self, registry: Registry) -> bool:
        """True if a `level` of `registry` tells the tags of its place, so that nobody needs to ask for them."""
        return self._listers.of(registry).has_tags

    def level(self, registry: Registry, place: str = "") -> Level:
        """Names that `registry` tells of below `place`, which `listing_place` gave; what is illegal is left out.

        Many tell nothing, or nothing to us: then this, or the names when they are taken, raise NotFound or
        AccessDenied; Unavailable else.
        """
        level = self._listers.of(registry).level(self._transport, registry, place)
        return level._replace(names=(name for name in level.names if _is_repository(registry, name)))

    def blob(self, repository: Repository, descriptor: Descriptor) -> RegistryBlob:
        """A reader of the blob's bytes, by range and as stored; nothing is asked before the first read."""
        return RegistryBlob(self._transport, repository, descriptor)

    def read_blob(self, repository: Repository, descriptor: Descriptor, limit: int) -> bytes:
        """The whole blob, its digest checked; raises Corrupt, without asking, for one of more than `limit` bytes."""
        what = f"blob {descriptor.digest} of {repository}"
        if descriptor.size > limit:
            raise Corrupt(f"{what}: {descriptor.size} bytes; expected at most {limit}")
        content = self.blob(repository, descriptor).read_at(0, descriptor.size)
        _check_digest(descriptor.digest, content, what)
        return content


def _manifest_call(repository: Repository, identifier: str) -> Call:
    return Call(repository.registry, f"{repository.name}/manifests/{identifier}", repository.scope(), headers=_ACCEPT)


def _described(headers: Mapping[str, str], reference: Reference) -> Descriptor | None:
    """Descriptor that the headers of a HEAD make, or None where they say too little; raises Corrupt."""
    digest = _header_digest(headers)
    if reference.digest is not None and digest not in (None, reference.digest):
        raise Corrupt(f"manifest {reference}: registry says {digest}; expected {reference.digest}")
    digest = reference.digest or digest
    size = headers.get("Content-Length", "")
    if digest is None or not re.fullmatch("[1-9][0-9]{0,17}", size):  # 0: a server that counts the body of the HEAD
        return None
    return Descriptor(_media_type(headers), digest, int(size))


def _header_digest(headers: Mapping[str, str]) -> Digest | None:
    try:
        return parse_digest(headers.get("Docker-Content-Digest", ""))
    except BadName:
        return None


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _check_digest(digest: Digest, content: bytes, what: str) -> None:
    if not digest.matches(content):
        raise Corrupt(f"{what}: {len(content)} bytes with another digest; expected {digest}")


def _is_repository(registry: Registry, name: str) -> bool:
    try:
        parse_repository(registry, name)
    except BadName:
        return False
    return True
