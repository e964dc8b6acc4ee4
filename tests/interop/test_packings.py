"""The big image packed by other people's gzip and zstd: file by file what umoci unpacks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from crfs_dav.demo.registry import DemoRegistry, Layer
from tests.interop.conftest import Served
from tests.support.clients import curl
from tests.support.crfs_server import crfs_server
from tests.support.expected import differences
from tests.support.machine import run
from tests.support.real_registry import RealRegistry

PIGZ = [["pigz", "-3", "-p", "2"], ["pigz", "-3", "-p", "2", "-i"]]


def repacked(layer: Path, packer: Sequence[str]) -> bytes:
    """The layer, unpacked and packed again."""
    with subprocess.Popen(["gzip", "-dc", layer], stdout=subprocess.PIPE) as unpacker:
        return subprocess.run(packer, stdin=unpacker.stdout, stdout=subprocess.PIPE, check=True).stdout


def test_what_umoci_gzips_is_what_it_unpacks(
    debian: Served, registry: RealRegistry, server: str, tmp_path: Path
) -> None:
    url = f"{server}/images/{registry.host}/{debian.image.repository}/plain"
    assert differences(debian.expected, curl.view(url, tmp_path)) == []


@pytest.mark.parametrize("packer", PIGZ, ids=" ".join)
def test_what_pigz_packs_is_what_umoci_unpacks(debian: Served, packer: Sequence[str], tmp_path: Path) -> None:
    with DemoRegistry() as registry:
        layers: list[Layer] = [(repacked(layer, packer), {}) for layer in debian.image.plain_layers()]
        registry.add_image("test/debian", "pigz", layers)
        with crfs_server(registry.host, tmp_path) as url:
            found = curl.view(f"{url}/images/{registry.host}/test/debian/pigz", tmp_path)

    assert differences(debian.expected, found) == []


def test_what_skopeo_packs_with_zstd_is_what_umoci_unpacks(
    debian: Served, registry: RealRegistry, server: str, tmp_path: Path
) -> None:
    source = f"oci:{debian.image.layout}:plain"
    run(["skopeo", "copy", "--quiet", "--dest-compress-format", "zstd", source, f"oci:{tmp_path / 'layout'}:zstd"])
    registry.push(tmp_path / "layout", "zstd", debian.image.repository)

    url = f"{server}/images/{registry.host}/{debian.image.repository}/zstd"
    assert differences(debian.expected, curl.view(url, tmp_path)) == []
