"""Files made of registry documents and blobs, and the texts that explain what is not shown."""

from __future__ import annotations

from collections.abc import Callable

from crfs_dav.archive import MIME_TYPE_XATTR, Entry, Kind
from crfs_dav.images.opened import Image, Layer
from crfs_dav.images.store import ImageStore
from crfs_dav.names import Repository
from crfs_dav.oci import MANIFEST_SIZE_LIMIT, Descriptor
from crfs_dav.readers import BytesReader, ReaderAt
from crfs_dav.tree.lazy import LazyFile
from crfs_dav.tree.static import StaticFile

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


def unreadable_layer_file(layer: Layer) -> StaticFile:
    """The reason why a layer is shown as its blob."""
    return _text_file(_UNREADABLE.format(layer=_described(layer)))


def missing_layers_file(image: Image) -> StaticFile:
    """What a merged image lacks, and what that means for what it shows."""
    last = len(image.layers) - 1
    lines = (f"layer {number} of 0 to {last}: {_described(layer)}" for number, layer in image.flawed_layers)
    return _text_file(_MISSING.format(layers="\n  ".join(lines)))


def no_listing_file(where: str, reason: str) -> StaticFile:
    """The reason why a directory is empty though there is something in it."""
    return StaticFile(_NO_LISTING.format(where=where, reason=reason).encode())


def _described(layer: Layer) -> str:
    descriptor = layer.descriptor
    return f"{descriptor.digest}, {descriptor.media_type or 'no media type'}\n    {layer.flaw}"


def _text_file(text: str) -> StaticFile:
    return StaticFile(text.encode(errors="backslashreplace"))


_UNREADABLE = """\
This layer cannot be read file by file, so it is shown as it is stored, as one file:

  {layer}

crfs-dav reads layers that hold a table of contents, which says where each file lies (stargz,
eStargz, zstd:chunked), and tars, packed with gzip or not at all, or with zstd, if it may keep a
spool on disk (spool_bytes). Bounds are set under `limits` in its configuration. An image that other
tools can read can be converted, for example with

  ctr-remote image convert --estargz --oci SOURCE DESTINATION

and push the result.
"""

_MISSING = """\
This image is shown without layers that cannot be read file by file:

  {layers}

What the other layers hold is here. Of that, a missing layer may have changed or removed something,
and what only it holds is missing: such a name, and any other that is not here, is answered with an
error, not with "not found". Below /layers the missing layers are shown as they are stored.
"""

_NO_LISTING = """\
{where} does not list what it holds:

  {reason}

So this directory shows what the configuration names and what was used since the start. Everything
else is there when it is asked for by name, such as OWNER/IMAGE/TAG below the registry.
"""
