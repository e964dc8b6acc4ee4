"""What the demo registry holds: blobs, manifests and tags, in memory. Any thread may read while another adds."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from crfs_dav.names import Digest, digest_of

_ALL = "*"


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest's bytes as they were added."""

    document: bytes
    media_type: str


class Content:
    """Blobs by digest, each in some repositories or in all; manifests and tags by repository."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs: dict[Digest, bytes] = {}
        self._holders: dict[Digest, set[str]] = {}  # repositories that have a blob; _ALL stands for every one
        self._manifests: dict[str, dict[Digest, StoredManifest]] = {}
        self._tags: dict[str, dict[str, Digest]] = {}

    def add_blob(self, data: bytes, repository: str | None = None) -> Digest:
        """Digest under which `repository`, or each that there is, now holds `data`."""
        digest = digest_of(data)
        with self._lock:
            self._blobs[digest] = data
            self._holders.setdefault(digest, set()).add(_ALL if repository is None else repository)
        return digest

    def add_manifest(self, repository: str, manifest: StoredManifest) -> Digest:
        """Digest under which `manifest` is now held."""
        digest = digest_of(manifest.document)
        with self._lock:
            self._manifests.setdefault(repository, {})[digest] = manifest
            self._tags.setdefault(repository, {})
        return digest

    def set_tag(self, repository: str, tag: str, digest: Digest | None) -> None:
        """Point `tag` at `digest`, or take it away with None."""
        with self._lock:
            tags = self._tags.setdefault(repository, {})
            if digest is None:
                tags.pop(tag, None)
            else:
                tags[tag] = digest

    def blob(self, digest: Digest, repository: str | None = None) -> bytes | None:
        """Bytes of a blob that `repository`, or any, holds; or None."""
        holders = self._holders.get(digest, set())
        is_held = repository is None or repository in holders or (_ALL in holders and repository in self._tags)
        return self._blobs.get(digest) if is_held else None

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        """A manifest of `repository`, or None."""
        return self._manifests.get(repository, {}).get(digest)

    def tagged(self, repository: str, tag: str) -> Digest | None:
        """Digest that `tag` points at, or None."""
        return self._tags.get(repository, {}).get(tag)

    def repositories(self) -> list[str]:
        """All repositories, in byte order."""
        with self._lock:
            return sorted(self._tags)

    def tags(self, repository: str) -> list[str] | None:
        """Tags of `repository` in byte order, None where there is no such repository."""
        with self._lock:
            tags = self._tags.get(repository)
            return None if tags is None else sorted(tags)
