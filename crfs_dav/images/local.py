"""Images and archives in a folder of the server's disk: what a registry is for `ImageStore`, with files for blobs.

Files are looked for anew each time, so that new and changed ones are seen; what was opened is kept by the file's
identity.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain

from crfs_dav.archive import Archive, Kind
from crfs_dav.errors import Corrupt, NotFound, Unavailable
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.images.kept import Kept
from crfs_dav.local.file import Identity, LocalFile
from crfs_dav.local.folder import LocalFolder
from crfs_dav.local.layout import Layout, read_layout
from crfs_dav.names import Digest, Registry, Repository, digest_of
from crfs_dav.oci import MANIFEST_SIZE_LIMIT, Descriptor, Index, Manifest, parse_manifest
from crfs_dav.readers import ReaderAt

LOCAL = Registry("local")
"""What stands for a registry in the names of local images; no registry is called so, for it has no dot."""

_SUFFIXES = (".stargz", ".tar", ".tar.gz", ".tgz", ".tar.zst")
_PACKED = (bytes.fromhex("1f8b08"), bytes.fromhex("28b52ffd"))  # gzip, zstd
_READ_SIZE = 4 << 20  # bytes
_LINKS = 10  # that lead from one name of an archive to another
_KEPT = 64  # archives, each an open file


class LocalImages:
    """The folder's archives and images by name; for any thread."""

    def __init__(self, folder: LocalFolder, means: Means) -> None:
        self._folder = folder
        self._means = means
        self._digests: Kept[Identity, Digest] = Kept(10_000, lambda digest: 1)
        self._layouts: Kept[Identity, tuple[Layout | None]] = Kept(_KEPT, lambda layout: 1)

    def names(self) -> Sequence[str]:
        """Names of what may be an archive or an image, nothing opened; raises NotFound, AccessDenied."""
        return [name for name, is_directory in self._folder.names().items() if is_directory or _is_archive(name)]

    def layout(self, name: str) -> Layout | None:
        """The images in the folder or archive `name`; None where it is a plain archive.

        Raises NotFound where it is neither, Corrupt for broken images.
        """
        if _is_archive(name) and not self._is_directory(name):
            identity = self._folder.identity([name])
            return self._layouts.get(identity, lambda: (self._archive_layout(name),))[0]
        layout = read_layout(_FolderFiles(self._folder, name))
        if layout is None:
            raise NotFound(f"local {name[:200]!r}: no image layout; expected oci-layout and index.json in it")
        return layout

    def opened_layout(self, name: str) -> Layout | None:
        """As `layout`, but of packed archives only what is open already: they would have to be read through."""
        if self._is_directory(name) or name.endswith(".tar"):
            return self.layout(name)
        found = self._layouts.peek(self._folder.identity([name]))
        return None if found is None else found[0]

    def archive(self, name: str) -> tuple[Descriptor, datetime]:
        """The plain archive `name` as a layer, and its file's time; raises NotFound, Unavailable."""
        identity = self._folder.identity([name])
        digest = self._digests.get(identity, lambda: self._digest(name, identity))
        return Descriptor("", digest, identity.size), datetime.fromtimestamp(identity.mtime_ns // 10**9, UTC)

    def manifest(self, repository: Repository, descriptor: Descriptor) -> Manifest | Index:
        """The manifest or index, its digest checked; raises NotFound, Corrupt."""
        return parse_manifest(self.read_blob(repository, descriptor, MANIFEST_SIZE_LIMIT), descriptor.media_type)

    def read_blob(self, repository: Repository, descriptor: Descriptor, limit: int) -> bytes:
        """The whole blob, its digest checked; raises Corrupt for one of more than `limit` bytes."""
        blob = self.blob(repository, descriptor)
        if blob.size > limit:
            raise Corrupt(f"blob {descriptor.digest} of {repository}: {blob.size} bytes; expected at most {limit}")
        content = blob.read_at(0, blob.size)
        if not descriptor.digest.matches(content):
            raise Corrupt(
                f"blob of {repository}: {len(content)} bytes with another digest; expected {descriptor.digest}"
            )
        return content

    def blob(self, repository: Repository, descriptor: Descriptor) -> ReaderAt:
        """The blob; raises NotFound, and Corrupt for one of another size than the descriptor says."""
        layout = self.layout(repository.name)
        blob = self._archive_file(repository.name, descriptor) if layout is None else layout.blob(descriptor.digest)
        if blob.size != descriptor.size:
            raise Corrupt(f"blob {descriptor.digest} of {repository}: {blob.size} bytes; expected {descriptor.size}")
        return blob

    def _archive_file(self, name: str, descriptor: Descriptor) -> LocalFile:
        file = self._folder.open([name])
        if self._digests.peek(file.identity) != descriptor.digest:
            raise Unavailable(f"local {name[:200]!r}: changed by now; expected it to stay as it was")
        return file

    def _is_directory(self, name: str) -> bool:
        try:
            return self._folder.names().get(name) is True
        except NotFound:
            return False

    def _archive_layout(self, name: str) -> Layout | None:
        descriptor, _ = self.archive(name)
        try:
            archive = open_archive(self._folder.open([name]), descriptor, self._means)
        except Corrupt:
            return None  # shown as the broken archive that it is
        return None if archive is None else read_layout(_ArchiveFiles(archive))

    def _digest(self, name: str, identity: Identity) -> Digest:
        """The digest of a packed file, which is checked when it is unpacked; of another, a name for its state."""
        with self._folder.open([name]) as file:
            if not file.read_at(0, 4).startswith(_PACKED):
                return digest_of(repr(("local file", *identity)).encode())
        hashing = partial(self._hash, name)
        passes = self._means.passes
        return hashing() if passes is None else passes.run(f"local {identity}", hashing)

    def _hash(self, name: str) -> Digest:
        found = hashlib.sha256()
        with self._folder.open([name]) as file:
            for offset in range(0, file.size, _READ_SIZE):
                found.update(file.read_at(offset, _READ_SIZE))
        return Digest("sha256", found.hexdigest())


def _is_archive(name: str) -> bool:
    return name.endswith(_SUFFIXES)


class _FolderFiles:
    """Files below a directory of the folder."""

    def __init__(self, folder: LocalFolder, name: str) -> None:
        self._folder = folder
        self._name = name

    def open(self, path: str) -> ReaderAt:
        return self._folder.open([self._name, *path.split("/")])


class _ArchiveFiles:
    """Files of an archive by their path; links lead to other files of it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._positions = dict(_positions(archive))

    def open(self, path: str) -> ReaderAt:
        found = _clean(path)
        for _ in range(_LINKS):
            position = self._positions.get(found)
            if position is None:
                break
            entry = self._archive.entries[position]
            if entry.kind is Kind.REG:
                return self._archive.open(position)
            start = posixpath.dirname(found) if entry.kind is Kind.SYMLINK else ""
            found = _clean(posixpath.join(start, entry.link_name))
        raise NotFound(f"archive: no file {path[:200]!r}; expected one")


def _positions(archive: Archive) -> Iterator[tuple[str, int]]:
    """Places in the archive by path; of several under one path, the last."""
    named = chain.from_iterable(zip(each.names, each.kinds, strict=True) for each in archive.outline())
    for position, (name, kind) in enumerate(named):
        if kind in (Kind.REG, Kind.SYMLINK, Kind.HARDLINK):
            yield _clean(name), position


def _clean(path: str) -> str:
    return posixpath.normpath(f"/{path}").lstrip("/")
