"""More than two thousand random streams, those of command line tools among them: every block ends where zlib says."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence

import pytest

from crfs_dav.formats.deflate import Source
from crfs_dav.formats.zran import skip_header
from tests.support.deflaters import RAW, random_content
from tests.support.zblock import block_ends, ends_found

STREAMS_EACH = 700
TOOLS = [["gzip", "-1"], ["gzip", "-9"], ["pigz", "-1"], ["pigz", "-6", "-b", "32"], ["pigz", "-9"], ["pigz", "-11"]]


@pytest.mark.parametrize("compressor", RAW)
def test_blocks_end_where_zlib_says(compressor: str) -> None:
    chance = random.Random(f"many {compressor}")
    for _ in range(STREAMS_EACH):
        content = random_content(chance)
        raw = RAW[compressor](content, chance)
        assert ends_found(raw, chance) == (block_ends(raw, len(content)), content)


@pytest.mark.parametrize("tool", TOOLS, ids=" ".join)
def test_blocks_of_tools_end_where_zlib_says(tool: Sequence[str]) -> None:
    chance = random.Random(" ".join(tool))
    for _ in range(5):
        content = random_content(chance) * 3
        packed = subprocess.run([*tool, "-c"], input=content, stdout=subprocess.PIPE, check=True).stdout
        source = Source([packed])
        skip_header(source)
        raw = packed[source.offset : -8]
        assert ends_found(raw, chance) == (block_ends(raw, len(content)), content)
