"""Real clients see the big image as umoci unpacks it: names, sizes, contents; times, executable bits where carried.

davfs2, rclone and curl read all of it. cadaver and gvfs, which need a command or a process for each directory, read
`etc` (many small directories) and `srv` (1,000 files, one of many chunks, links, a fifo).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.conftest import Served
from tests.support.clients import cadaver, curl, davfs2, gvfs, rclone
from tests.support.expected import View, differences, part_of

_CASES = {
    "davfs2": (davfs2.view, ""),
    "rclone": (rclone.view, ""),
    "curl": (curl.view, ""),
    "cadaver-etc": (cadaver.view, "etc"),
    "cadaver-srv": (cadaver.view, "srv"),
    "gvfs-etc": (gvfs.view, "etc"),
    "gvfs-srv": (gvfs.view, "srv"),
}


@pytest.mark.parametrize(("view", "folder"), _CASES.values(), ids=_CASES.keys())
def test_client_sees_what_umoci_unpacks(
    debian: Served, tmp_path: Path, view: Callable[[str, Path], View], folder: str
) -> None:
    url = f"{debian.images_url}/{folder}".rstrip("/")
    assert differences(part_of(debian.expected, folder), view(url, tmp_path)) == []
