"""Files made of registry documents and blobs, and the texts that explain what is not shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crfs_dav.archive import MIME_TYPE_XATTR, Entry, Kind
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Repository
from crfs_dav.oci import MANIFEST_SIZE_LIMIT, Descriptor
from crfs_dav.readers import BytesReader, ReaderAt
from crfs_dav.tree.lazy import LazyFile
from crfs_dav.tree.node import Directory
from crfs_dav.tree.static import StaticDirectory, StaticFile

README = "README.txt"


def json_file(name: str, descriptor: Descriptor, open_content: Callable[[], ReaderAt]) -> LazyFile:
    """A JSON document of the registry."""
    entry = Entry(name, Kind.REG, size=descriptor.size, mode=0o644, xattrs={MIME_TYPE_XATTR: b"application/json"})
    return LazyFile(entry, str(descriptor.digest), open_content)


def blob_file(store: ImageStore, repository: Repository, descriptor: Descriptor, name: str) -> LazyFile:
    """A blob as it is stored.

    Up to 16 MiB it is checked against its digest before a byte leaves. A larger one is passed on as the registry sends
    it, since a range of it proves nothing; its name or its ETag says the digest to check.
    """

    def content() -> ReaderAt:
        if descriptor.size <= MANIFEST_SIZE_LIMIT:
            return BytesReader(store.document(repository, descriptor))
        return store.blob(repository, descriptor)

    return LazyFile(Entry(name, Kind.REG, size=descriptor.size, mode=0o644), str(descriptor.digest), content)


def unreadable_directory(layers: Sequence[Descriptor], files: Sequence[LazyFile] = ()) -> Directory:
    """What stands in for layers that cannot be read lazily: the reason, and the blobs themselves."""
    text = _UNREADABLE.format(layers="\n".join(f"  {layer.digest}  {layer.media_type}" for layer in layers))
    return StaticDirectory({README: StaticFile(text.encode()), **{file.entry.name: file for file in files}})


def no_listing_file(where: str, reason: str) -> StaticFile:
    """The reason why a directory is empty though there is something in it."""
    return StaticFile(_NO_LISTING.format(where=where, reason=reason).encode())


_UNREADABLE = """\
These layers cannot be read file by file:

{layers}

crfs-dav reads layers that hold a table of contents, which says where each file lies (stargz,
eStargz, zstd:chunked), and tars, packed with gzip or zstd or not at all, if it may keep a spool
on disk (spool_bytes). Convert the image once, for example with

  ctr-remote image convert --estargz --oci SOURCE DESTINATION

and push the result.
"""

_NO_LISTING = """\
{where} does not list what it holds:

  {reason}

So this directory shows what the configuration names and what was used since the start. Everything
else is there when it is asked for by name, such as OWNER/IMAGE/TAG below the registry.
"""
