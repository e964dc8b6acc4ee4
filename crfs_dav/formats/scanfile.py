"""What a pass over a packed tar found, as a columns file: entries, and the frames that can be read one by one.

packing          fact: how the tar is packed
content_size     fact: bytes of the tar
frame_starts     8 each, and one more: blob offset of a frame; where the last one ends. Nothing where there are none
frame_contents   8 each, and one more: content offset of a frame; where the content of the last one ends
frame_digests    32 each: sha256 of its content
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from crfs_dav.formats.chunks import Chunk
from crfs_dav.formats.columns import Columns
from crfs_dav.formats.columnsfile import ColumnsFile
from crfs_dav.names import Digest

Packing: TypeAlias = Literal["zstd", "gzip"]

_DIGEST_SIZE = 32


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a blob found; `frames` is None where they are too large to be read one by one."""

    columns: Columns
    content_size: int
    frames: Sequence[Chunk] | None


def dump_scan(scan: Scan, packing: Packing) -> ColumnsFile:
    """The file that holds `scan`."""
    frames = scan.frames or ()
    facts = {"packing": packing, "content_size": str(scan.content_size)}
    ends = (frames[-1].end, frames[-1].file_offset + frames[-1].size) if frames else ()
    parts: dict[str, array[int] | bytes] = {
        "frame_starts": array("q", [*(frame.start for frame in frames), *ends[:1]]),
        "frame_contents": array("q", [*(frame.file_offset for frame in frames), *ends[1:]]),
        "frame_digests": b"".join(bytes.fromhex(frame.digests[0].hex) for frame in frames),
    }
    return ColumnsFile(scan.columns, {name: memoryview(part).cast("B") for name, part in parts.items()}, facts)


def load_scan(file: ColumnsFile) -> Scan | None:
    """What `dump_scan` put into `file`; None for anything else."""
    content_size = file.facts.get("content_size", "")
    try:
        starts, contents = (file.extra[name].cast("q") for name in ("frame_starts", "frame_contents"))
        digests = file.extra["frame_digests"]
    except (KeyError, TypeError):
        return None
    count = len(digests) // _DIGEST_SIZE
    fit = {len(starts), len(contents)} == {count + 1 if count else 0}
    if not fit or not content_size.isdigit() or not _grow(starts) or not _grow(contents):
        return None
    frames = [
        Chunk(
            contents[number],
            contents[number + 1] - contents[number],
            starts[number],
            starts[number + 1],
            digests=(Digest("sha256", digests[number * _DIGEST_SIZE : (number + 1) * _DIGEST_SIZE].hex()),),
        )
        for number in range(count)
    ]
    return Scan(file.columns, int(content_size), frames or None)


def parse_packing(file: ColumnsFile) -> Packing | None:
    """How the tar is packed that `file` is about; None where it does not say."""
    return next((packing for packing in get_args(Packing) if packing == file.facts.get("packing")), None)


def _grow(offsets: memoryview) -> bool:
    return all(map(operator.le, offsets, offsets[1:]))
