"""Names, links, whiteouts and sizes that break careless readers, through ctr-remote and back: as umoci unpacks them.

The layer view is compared with what GNU tar takes out of the gzip layer, where whiteouts are plain files.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.conftest import Served
from tests.support.clients import curl, davfs2, gvfs, rclone
from tests.support.expected import Facts, differences, expected_view
from tests.support.machine import run


def test_curl_sees_every_name(awkward: Served, tmp_path: Path) -> None:
    assert differences(awkward.expected, curl.view(awkward.images_url, tmp_path)) == []


def test_davfs2_sees_every_name(awkward: Served, tmp_path: Path) -> None:
    expected = {path: _without_epoch(facts) for path, facts in awkward.expected.items()}
    assert differences(expected, davfs2.view(awkward.images_url, tmp_path)) == []


def _without_epoch(facts: Facts) -> Facts:
    return replace(facts, mtime=facts.mtime or None)  # davfs2 takes 1970 for "not known" and shows the present


def test_rclone_sees_every_name(awkward: Served, tmp_path: Path) -> None:
    expected = {rclone.spelled(path): facts for path, facts in awkward.expected.items()}
    assert differences(expected, rclone.view(awkward.images_url, tmp_path)) == []


def test_gvfs_sees_every_name(awkward: Served, tmp_path: Path) -> None:
    assert differences(awkward.expected, gvfs.view(awkward.images_url, tmp_path)) == []


@pytest.mark.parametrize("number", range(3))
def test_layer_is_the_archive_as_it_is(awkward: Served, tmp_path: Path, number: int) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    run(["tar", "-xzf", awkward.image.plain_layers()[number], "-C", layer])
    seen = curl.view(f"{awkward.layers_url}/{number}", tmp_path)
    assert differences(expected_view(layer), seen) == []
