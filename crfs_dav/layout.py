"""OCI image layouts: folders that hold images as registries do. Any number of threads.

Specification: OCI image-spec v1.1, `image-layout.md`.

    oci-layout              {"imageLayoutVersion":"1.0.0"}
    index.json              an index; an annotation of its entries is what people call a tag
    blobs/sha256/<hex>      blobs and manifests alike

Files appear whole or not at all: they are written under another name beside, and renamed. `index.json` is the last,
so that what has a name is complete, and is changed by one process at a time: those of ours wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from crfs_dav.errors import BadName, Corrupt, NotFound, Unavailable
from crfs_dav.lockfile import awaited_lock
from crfs_dav.names import Digest, Repository
from crfs_dav.oci import MANIFEST_SIZE_LIMIT, OCI_INDEX, Descriptor, Index, parse_manifest
from crfs_dav.readers import ReaderAt

REF_NAME_ANNOTATION = "org.opencontainers.image.ref.name"
DEFAULT_REF = "latest"
_MARKER = "oci-layout"
_VERSION = {"imageLayoutVersion": "1.0.0"}
_BLOCK_SIZE = 1 << 20  # bytes


class LayoutSource:
    """An image in a layout: the one called `ref`, or, with None, the only one there is."""

    def __init__(self, folder: Path, ref: str | None) -> None:
        self._folder = folder
        self._ref = ref

    @property
    def name(self) -> str:
        """The layout as it is spelled on a command line."""
        return _spelled(self._folder, self._ref)

    @property
    def repository(self) -> Repository | None:
        """None: it lies in no registry."""
        return None

    def root(self) -> Descriptor:
        """Its manifest or index; raises NotFound, and Corrupt for what is no layout."""
        entries = _read_index(self._folder).manifests
        names = [entry.annotations.get(REF_NAME_ANNOTATION, "") for entry in entries]
        wanted = self._ref or (DEFAULT_REF if len(entries) > 1 else None)
        for entry, name in zip(entries, names, strict=True):
            if wanted in (None, name):
                return Descriptor(entry.media_type, entry.digest, entry.size)
        found = ", ".join(filter(None, names[:20])) or "no names"
        raise NotFound(f"{self.name}: {found}; expected {wanted or 'an image'}")

    def manifest(self, descriptor: Descriptor) -> bytes:
        """The document of this digest; raises NotFound, Corrupt."""
        document = _read(_blob_path(self._folder, descriptor.digest), MANIFEST_SIZE_LIMIT)
        if not descriptor.digest.matches(document):
            raise Corrupt(f"{self.name}: manifest {descriptor.digest} with another digest; expected its own")
        return document

    def blob(self, descriptor: Descriptor) -> ReaderAt:
        """The blob's bytes, not verified; the file is opened at each read."""
        return _BlobFile(_blob_path(self._folder, descriptor.digest), descriptor.size)


class LayoutTarget:
    """A name in a layout, which is made where it is not there yet. Raises Unavailable where the disk does not do."""

    def __init__(self, folder: Path, ref: str | None) -> None:
        self._folder = folder
        self._ref = ref or DEFAULT_REF

    @property
    def name(self) -> str:
        """The layout as it is spelled on a command line."""
        return _spelled(self._folder, self._ref)

    def has(self, descriptor: Descriptor) -> bool:
        """True if the blob is there, in its full length; raises BadName where a layout cannot be."""
        self._check_folder()
        try:
            return _blob_path(self._folder, descriptor.digest).stat().st_size == descriptor.size
        except OSError:
            return False

    def mount(self, descriptor: Descriptor, repository: Repository) -> bool:
        """False: registries do not give blobs to folders."""
        return False

    def put_blob(self, descriptor: Descriptor, content: BinaryIO, on_sent: Callable[[int], None]) -> None:
        """Have the blob there: all of `content`, or nothing; raises Corrupt for another digest."""
        self._check_folder()
        digest = hashlib.new(descriptor.digest.algorithm)
        size = 0
        content.seek(0)
        with written(_blob_path(self._folder, descriptor.digest)) as file:
            while block := content.read(_BLOCK_SIZE):
                on_sent(size)
                file.write(block)
                digest.update(block)
                size += len(block)
            if digest.hexdigest() != descriptor.digest.hex:
                raise Corrupt(f"blob {descriptor.digest}: {size} bytes with another digest; expected its own")
        on_sent(size)

    def put_manifest(self, descriptor: Descriptor, document: bytes, on_sent: Callable[[int], None]) -> None:
        """Have the manifest there, under its digest only; raises what `on_sent` raises."""
        self._check_folder()
        on_sent(0)
        with written(_blob_path(self._folder, descriptor.digest)) as file:
            file.write(document)

    def put_root(self, descriptor: Descriptor, document: bytes, on_sent: Callable[[int], None]) -> None:
        """Have the manifest or index there, and the layout's index name it; raises what `on_sent` raises."""
        self.put_manifest(descriptor, document, on_sent)
        with self._locked():
            on_sent(len(document))
            if not (self._folder / _MARKER).exists():
                _write_json(self._folder / _MARKER, _VERSION)
            _write_json(self._folder / "index.json", self._index_with(descriptor))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Have the index to ourselves."""
        try:
            with awaited_lock(self._folder / ".index.json.lock"):
                yield
        except OSError as error:
            raise Unavailable(f"{self.name}: {error.strerror or error}; expected its index to be locked") from None

    def _index_with(self, descriptor: Descriptor) -> dict[str, Any]:
        """The layout's index, everything in it as it was but the entry of our name."""
        path = self._folder / "index.json"
        empty: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
        index: dict[str, Any] = json.loads(_read(path, MANIFEST_SIZE_LIMIT)) if path.exists() else empty
        kept = [entry for entry in index["manifests"] if not _is_called(entry, self._ref)]
        ours = {
            "mediaType": descriptor.media_type,
            "digest": str(descriptor.digest),
            "size": descriptor.size,
            "annotations": {REF_NAME_ANNOTATION: self._ref},
        }
        return {**index, "manifests": [*kept, ours]}

    def _check_folder(self) -> None:
        """Nothing, if the folder is a layout or can become one; raises BadName, Corrupt."""
        try:
            is_free = not self._folder.exists() or not any(self._folder.iterdir())
        except OSError as error:
            raise BadName(f"{self.name}: {error.strerror}; expected a folder") from None
        if (self._folder / "index.json").exists():
            _read_index(self._folder)
        elif not is_free and not (self._folder / "blobs").is_dir():
            raise BadName(f"{self.name}: a folder with other things; expected an OCI image layout, or none yet")


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file that is at `path` once the block has ended well, and nowhere otherwise.

    Raises Unavailable where it cannot be written; what the block raises is passed on.
    """
    temporary = path.with_name(f".{path.name[:40]}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}; expected it to be written") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


class _BlobFile:
    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise NotFound(f"{self._path}: {error.strerror}; expected a blob") from None
        if len(data) != size:
            raise Corrupt(f"{self._path}: ends after {offset + len(data)} bytes; expected {self.size}")
        return data


def _read_index(folder: Path) -> Index:
    index = parse_manifest(_read(folder / "index.json", MANIFEST_SIZE_LIMIT), OCI_INDEX)
    if not isinstance(index, Index):
        raise Corrupt(f"{folder / 'index.json'}: a manifest; expected an index")
    return index


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}; expected a file of an OCI image layout") from None
    if len(content) > limit:
        raise Corrupt(f"{path}: more than {limit} bytes; expected at most that")
    return content


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with written(path) as file:
        file.write(json.dumps(value, ensure_ascii=False).encode())


def _is_called(entry: Any, ref: str) -> bool:
    return isinstance(entry, dict) and (entry.get("annotations") or {}).get(REF_NAME_ANNOTATION) == ref


def _blob_path(folder: Path, digest: Digest) -> Path:
    return folder / "blobs" / digest.algorithm / digest.hex


def _spelled(folder: Path, ref: str | None) -> str:
    return f"oci:{folder}:{ref}" if ref else f"oci:{folder}"
