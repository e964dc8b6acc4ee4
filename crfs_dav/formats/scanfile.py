"""What a pass over a packed tar found, as a columns file: entries, and the frames that can be read one by one.

packing          fact: how the tar is packed
content_size     fact: bytes of the tar
diff_id          fact: the tar's digest, as the image's config has it (OCI image-spec, "Layer DiffID")
frames_in        fact: blob, or spool where the blob has no frames that are worth reading
frame_starts     8 each, and one more: offset of a frame in there; where the last one ends
frame_contents   8 each, and one more: content offset of a frame; where the content of the last one ends
frame_digests    32 each: sha256 of its content
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from crfs_dav.errors import BadName
from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.columns import Columns
from crfs_dav.formats.columnsfile import ColumnsFile
from crfs_dav.names import Digest, parse_digest

Packing: TypeAlias = Literal["zstd", "gzip", "tar"]

_DIGEST_SIZE = 32


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a blob found."""

    columns: Columns
    content_size: int
    diff_id: Digest
    frames: Sequence[Chunk]
    is_spooled: bool  # the frames lie in a spool, not in the blob


def dump_scan(scan: Scan, packing: Packing) -> ColumnsFile:
    """The file that holds `scan`."""
    frames = scan.frames
    facts = {
        "packing": packing,
        "content_size": str(scan.content_size),
        "diff_id": str(scan.diff_id),
        "frames_in": "spool" if scan.is_spooled else "blob",
    }
    parts: dict[str, array[int] | bytes] = {
        "frame_starts": array("q", [*(frame.start for frame in frames), *(frame.end for frame in frames[-1:])]),
        "frame_contents": array(
            "q", [*(frame.file_offset for frame in frames), *([scan.content_size] if frames else [])]
        ),
        "frame_digests": b"".join(bytes.fromhex(frame.digests[0].hex) for frame in frames),
    }
    return ColumnsFile(scan.columns, {name: memoryview(part).cast("B") for name, part in parts.items()}, facts)


def load_scan(file: ColumnsFile) -> Scan | None:
    """What `dump_scan` put into `file`; None for anything else."""
    frames_in, content_size = file.facts.get("frames_in"), file.facts.get("content_size", "")
    if frames_in not in ("spool", "blob") or not content_size.isdecimal():
        return None
    try:
        diff_id = parse_digest(file.facts.get("diff_id", ""))
        frames = list(_frames(file.extra, int(content_size)))
    except (KeyError, TypeError, ValueError, BadName):
        return None
    return Scan(file.columns, int(content_size), diff_id, frames, frames_in == "spool")


def parse_packing(file: ColumnsFile) -> Packing | None:
    """How the tar is packed that `file` is about; None where it does not say."""
    return next((packing for packing in get_args(Packing) if packing == file.facts.get("packing")), None)


def _frames(parts: Mapping[str, memoryview], content_size: int) -> Iterator[Chunk]:
    """The frames; raises KeyError, TypeError, and ValueError where they do not fit together."""
    starts, contents = parts["frame_starts"].cast("q"), parts["frame_contents"].cast("q")
    digests = parts["frame_digests"]
    count = len(digests) // _DIGEST_SIZE
    are_whole = {len(starts), len(contents)} == {count + 1} and (contents[0], contents[-1]) == (0, content_size)
    if not count or not are_whole or starts[0] < 0 or not _grow(starts) or not _grow(contents):
        raise ValueError(f"frames: {count} that do not fit together; expected them in order")
    for number in range(count):
        digest = Digest("sha256", digests[number * _DIGEST_SIZE : (number + 1) * _DIGEST_SIZE].hex())
        size = contents[number + 1] - contents[number]
        yield Chunk(contents[number], size, starts[number], starts[number + 1], digests=(digest,))


def _grow(offsets: memoryview) -> bool:
    return all(map(operator.le, offsets, offsets[1:]))
