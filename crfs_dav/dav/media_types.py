"""Content types: by file name, from one table in code; where that says nothing, by first bytes that are in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crfs_dav.archive import MIME_TYPE_XATTR
from crfs_dav.dav.sniffing import SNIFFED_BYTES, sniff
from crfs_dav.errors import CrfsError
from crfs_dav.readers import kept_start
from crfs_dav.tree.node import File

OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"

_TEXT_EXTENSIONS = (
    "txt text md rst log conf cfg cnf ini properties list lst toml yaml yml sh bash zsh fish py pyi pl pm rb lua tcl "
    "c cc cpp cxx h hh hpp go rs java kt scala sql diff patch service socket timer mount target rules desktop env "
    "tex texi po pot m4 ac am cmake awk sed ts tsx jsx vim el bat ps1 mk tsv templates postinst preinst postrm prerm "
    "md5sums sha256sums"
)
_TEXT_NAMES = (
    "README LICENSE LICENCE COPYING COPYRIGHT AUTHORS NEWS CHANGELOG INSTALL TODO NOTICE Makefile Dockerfile "
    "Containerfile copyright passwd group shadow gshadow hosts hostname fstab profile resolv.conf issue motd "
    "os-release debian_version"
)
_TYPES = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "bz2": "application/x-bzip2",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "deb": "application/vnd.debian.binary-package",
    "flac": "audio/flac",
    "gif": "image/gif",
    "gz": "application/gzip",
    "htm": "text/html; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/vnd.microsoft.icon",
    "jar": "application/java-archive",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "m4a": "audio/mp4",
    "mjs": "text/javascript; charset=utf-8",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "rpm": "application/x-rpm",
    "svg": "image/svg+xml",
    "svgz": "application/gzip",
    "tar": "application/x-tar",
    "tgz": "application/gzip",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "ttf": "font/ttf",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "whl": "application/zip",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xml": "text/xml; charset=utf-8",
    "xsl": "text/xml; charset=utf-8",
    "xz": "application/x-xz",
    "zip": "application/zip",
    "zst": "application/zstd",
    **dict.fromkeys(_TEXT_EXTENSIONS.split(), TEXT),
}
_TYPES_BY_NAME = dict.fromkeys(_TEXT_NAMES.split(), TEXT)
_ACTIVE = {"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml"}
_PASSIVE = {known.partition(";")[0] for known in (*_TYPES.values(), OCTETS)} - _ACTIVE
# An image may state anything: only a bare type (RFC 6838, less `&` and `^`) goes into a header.
_STATED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9!#$_.+-]{0,62}/[A-Za-z0-9][A-Za-z0-9!#$_.+-]{0,62}")


def media_type(name: str, file: File) -> str:
    """Content type to send with the content of `file`: what is stated, else by its first bytes, else octets.

    By these only where somebody has read the file not long ago, so that HEAD costs nothing and equals GET.
    """
    return stated_type(name, file.entry.xattrs) or _sniffed(file) or OCTETS


def stated_type(name: str, xattrs: Mapping[str, bytes]) -> str | None:
    """Content type of a file as its `user.mime_type` attribute says, else by name; None where both say nothing.

    The same at any time and on every replica: the only one that listings hold, for they are kept, here and there.
    """
    stated = xattrs.get(MIME_TYPE_XATTR)
    if stated is None or not _STATED.fullmatch(stated):
        return type_by_name(name)
    essence = stated.decode().lower()
    return f"{essence}; charset=utf-8" if essence.startswith("text/") else essence


def type_by_name(name: str) -> str | None:
    """Content type of a file called `name`, None for the unknown; text is UTF-8."""
    _, dot, extension = name.rpartition(".")
    by_name = _TYPES_BY_NAME.get(name)
    return _TYPES.get(extension.lower(), by_name) if dot else by_name


def _sniffed(file: File) -> str | None:
    try:
        return sniff(kept_start(file, SNIFFED_BYTES))
    except CrfsError:  # damaged: who reads it will be told
        return None


def is_active(content_type: str) -> bool:
    """True if a browser might run what stands in it, on our origin; so of any type that the table does not know."""
    return content_type.partition(";")[0] not in _PASSIVE
