"""The awkward image out of every packing of other people's tools into every format of ours, and what is left of it.

Read through our own tree and unpacked by umoci, for which skopeo packs zstd anew: either way the files of the source.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from crfs_dav.formats.estargz import HIDDEN
from tests.interop.conftest import Served
from tests.support.containerd import converter
from tests.support.disk import DiskFacts, disk_differences, disk_facts
from tests.support.machine import run
from tests.support.real_registry import RealRegistry
from tests.support.tree_facts import as_a_tree_tells, tree_facts

PACKINGS = ("plain", "esgz", "esgz-64k", "zstdchunked", "zstd", "zstdchunked-skopeo")
FORMATS = ("estargz", "stargz", "zstd:chunked")


@dataclass(frozen=True)
class Packed:
    """OCI layouts, one for each packing, and what umoci unpacks from the plain one."""

    folder: Path
    expected: Mapping[str, DiskFacts]


@pytest.fixture(scope="module")
def packed(awkward: Served, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packed]:
    folder = tmp_path_factory.mktemp("packed")
    image, repository = awkward.image, awkward.image.repository
    with converter(folder / "containerd") as containerd:
        plain = f"{registry.host}/{repository}:plain"
        containerd.convert(plain, "esgz-64k", "--estargz-chunk-size", "65536")
        containerd.convert_to_zstdchunked(plain, "zstdchunked")
    for tag in ("plain", "esgz", "esgz-64k", "zstdchunked"):
        registry.pull(repository, tag, folder / tag)
    for tag, compression in (("zstd", "zstd"), ("zstdchunked-skopeo", "zstd:chunked")):
        copy = ["skopeo", "copy", "--quiet", "--dest-compress-format", compression]
        run([*copy, f"oci:{image.layout}:plain", f"oci:{folder / tag}:{tag}"])
    yield Packed(folder, disk_facts(image.root))
    shutil.rmtree(folder)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("packing", PACKINGS)
def test_files_are_the_same_in_any_format_out_of_any_packing(
    packed: Packed, tmp_path: Path, packing: str, form: str
) -> None:
    source, target = f"oci:{packed.folder / packing}:{packing}", tmp_path / "target"
    run([sys.executable, "-m", "crfs_dav", "convert", "--quiet", "--format", form, source, f"oci:{target}:x"])

    assert disk_differences(as_a_tree_tells(packed.expected), shown(target)) == []
    assert disk_differences(packed.expected, unpacked(target, tmp_path, form)) == []


def shown(layout: Path) -> Mapping[str, DiskFacts]:
    return {path: facts for path, facts in tree_facts(layout, "x").items() if path not in HIDDEN}


def unpacked(layout: Path, folder: Path, form: str) -> Mapping[str, DiskFacts]:
    if form == "zstd:chunked":
        copy = ["skopeo", "copy", "--quiet", "--dest-compress-format", "gzip"]
        run([*copy, f"oci:{layout}:x", f"oci:{folder / 'gzip'}:x"])
        layout = folder / "gzip"
    run(["umoci", "raw", "unpack", "--image", f"{layout}:x", folder / "root"])
    return {path: facts for path, facts in disk_facts(folder / "root").items() if path not in HIDDEN}
