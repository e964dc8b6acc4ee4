"""Content types from first bytes: a few signatures, and text; never anything that a browser would run."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

SNIFFED_BYTES = 512

_SIGNATURES = (
    (b"\x7fELF", "application/x-executable"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"PK\x03\x04", "application/zip"),
    (b"!<arch>\n", "application/x-archive"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
)
_NOT_TEXT = re.compile(b"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # all controls but white space and escape


def sniff(start: bytes) -> str | None:
    """Content type of what begins with `start`; None where that says nothing."""
    known = next((found for signature, found in _SIGNATURES if start.startswith(signature)), None)
    return known or ("text/plain; charset=utf-8" if start and _is_text(start) else None)


def _is_text(start: bytes) -> bool:
    """True for UTF-8, which may end within a character."""
    if _NOT_TEXT.search(start):
        return False
    try:
        getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True
