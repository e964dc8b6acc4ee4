"""Row 9: what is fetched for files that have nothing to do with each other."""

from __future__ import annotations

import random

from tests.benchmarks.figures import Against, Figure
from tests.benchmarks.load import Client
from tests.benchmarks.members import Member, layout_of
from tests.benchmarks.rig import DEBIAN, Rig
from tests.support.link import Speed

_COUNT = 100
_SIZE_LIMIT = 64 << 10


def scattered(rig: Rig) -> list[Figure]:
    """Files of Debian, drawn by lot, the same ones each time; all that comes over the link counts, headers too."""
    layouts = [layout_of(layer) for layer in rig.debian.layers_of("esgz")]
    files = {member.name: member for layout in layouts for member in layout.members}  # of the uppermost layer
    chosen = random.Random(9).sample([each for each in files.values() if _is_small(rig, each)], _COUNT)
    needed = sum(layout.toc_size for layout in layouts) + sum(member.end - member.start for member in chosen)
    with rig.cold(DEBIAN, Speed(0.010, 1e9)) as (served, wire):
        client = Client(served.url)
        for member in chosen:
            client.read(member.name, member.file_size)
        passed = wire.passed
    return [
        Figure(
            9,
            f"bytes for {_COUNT} scattered files, cold",
            "MB",
            passed.bytes_down / 1e6,
            {"TOCs and chunks": Against(needed / 1e6, 0.5)},
        ),
        Figure(9, "  requests", "", len(passed.requests)),
    ]


def _is_small(rig: Rig, member: Member) -> bool:
    """Whether it is a small file of one chunk that no upper layer hides."""
    real = rig.debian.root / member.name
    return (
        0 < member.file_size <= _SIZE_LIMIT
        and not real.is_symlink()
        and real.is_file()
        and real.stat().st_size == member.file_size
    )
