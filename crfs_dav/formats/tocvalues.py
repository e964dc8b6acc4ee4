"""What the values of a TOC entry mean, one by one; what makes no sense has a value that says so. Pure.

Specification: stargz-snapshotter `docs/estargz.md`, "TOC"; RFC 3339.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from crfs_dav.formats.columns import EPOCH, NO_MTIME, NONSENSE
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.tocbatch import INT_LIMIT

_TAR_BLOCK = 512
_DIGEST_SIZE = 32
_SHA256_LENGTH = len("sha256:") + 64
_LONG_YEAR = re.compile(r"\d{5,}-")
_MICROSECOND = timedelta(microseconds=1)
_MIN_MTIME = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
_MAX_MTIME = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND


def parse_modtime(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time, NO_MTIME where it is none.

    Nothing said is the epoch: writers leave it out. Years that `datetime` cannot hold become its first or last moment.
    """
    if not text:
        return 0
    if text.startswith("-"):
        return _MIN_MTIME
    if text[4:5] != "-" and _LONG_YEAR.match(text):
        return _MAX_MTIME
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return NO_MTIME
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return min(max(_microseconds(time), _MIN_MTIME), _MAX_MTIME)


def _microseconds(time: datetime) -> int:
    past = time - EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds  # a division of it takes four times that


def name_flaw(name: bytes, limits: Limits) -> str:
    """What keeps this name from being shown, empty where nothing does."""
    if not name:
        return "(empty)"
    if b"\0" in name:
        return "holds NUL"
    if len(name) <= min(limits.component, limits.depth):
        return ""
    if len(name) > limits.name:
        return f"has {len(name)} bytes"
    components = name.split(b"/")
    if len(components) > limits.depth:
        return f"has {len(components)} components"
    longest = max(map(len, components))
    return f"has a component of {longest} bytes" if longest > limits.component else ""


def link_name_flaw(link_name: bytes, limits: Limits) -> str:
    """What keeps this target from being shown, empty where nothing does."""
    if not link_name:
        return ""
    if b"\0" in link_name:
        return "has a target with NUL"
    return f"has a target of {len(link_name)} bytes" if len(link_name) > limits.name else ""


def checked(number: int) -> int:
    """`number` as a size or an offset, NONSENSE where it can be none."""
    return number if 0 <= number < INT_LIMIT else NONSENSE


def padded(size: int) -> int:
    """Bytes that `size` bytes take in a tar."""
    return -(-size // _TAR_BLOCK) * _TAR_BLOCK


def raw_digest(text: str) -> bytes | None:
    """The 32 bytes of a sha256 digest, None where it is none."""
    if not text.startswith("sha256:") or len(text) != _SHA256_LENGTH:
        return None
    try:
        raw = bytes.fromhex(text[7:])
    except ValueError:
        return None
    return raw if len(raw) == _DIGEST_SIZE else None


def decoded_xattrs(xattrs: Mapping[str, str | None], limit: int) -> dict[str, bytes]:
    """Extended attributes from base64; overlayfs's own and those that are no base64 are left out."""
    values: dict[str, bytes] = {}
    size = 0
    for key, text in xattrs.items():
        if key.startswith("trusted.overlay."):
            continue
        try:
            values[key] = binascii.a2b_base64(text or "", strict_mode=True)
        except ValueError:
            continue
        size += len(key.encode()) + len(values[key])
    return values if size <= limit else {}
