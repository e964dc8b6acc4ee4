"""Layers that are read through once, end to end: what the registry is asked, who shares what was learnt."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from tests.support.archives import dir_, file, tar_of
from tests.support.site import Site, site
from tests.support.zstdchunked import frame

NOISE = random.Random(13).randbytes(3 << 20)
TAR = tar_of(dir_("etc/"), file("etc/passwd", b"root"), file("noise", NOISE), file("etc/last", b"end"))
ONE_FRAME = frame(TAR)
FRAMES = b"".join(frame(TAR[start : start + 400_000]) for start in range(0, len(TAR), 400_000))
NAMES = ["etc/", "noise"]

either = pytest.mark.parametrize("blob", [ONE_FRAME, FRAMES, TAR], ids=["one frame", "many frames", "not packed"])


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


def layer(registry: DemoRegistry, blob: bytes) -> str:
    registry.add_image("my/app", "1", [(blob, {})])
    return f"/layers/{registry.host}/my/app/1/0"


def blob_requests(registry: DemoRegistry, blob: bytes) -> list[tuple[int, int]]:
    """Range of each request for the blob since the last call."""
    found = [request.range or (0, None) for request in registry.requests if str(digest_of(blob)) in request.path]
    registry.clear_requests()
    return [(start, len(blob) if end is None else end) for start, end in found]


def spool_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "spool").rglob("*") if path.is_file() and path.name != ".lock"]


@either
def test_the_whole_blob_is_asked_for_once(registry: DemoRegistry, blob: bytes, tmp_path: Path) -> None:
    path = layer(registry, blob)
    with site(registry, tmp_path) as crfs:
        assert crfs.names(f"{path}/") == NAMES
        assert crfs.names(f"{path}/etc/") == ["last", "passwd"]
        requests = blob_requests(registry, blob)

    assert [request for request in requests if request == (0, len(blob))] == [(0, len(blob))]
    assert sum(end - start for start, end in requests) < len(blob) + (2 << 20)


def test_one_frame_is_read_from_the_spool_and_many_by_one_range_a_file(registry: DemoRegistry, tmp_path: Path) -> None:
    for number, (blob, count) in enumerate([(ONE_FRAME, 0), (FRAMES, 1), (TAR, 1)]):
        path = layer(registry, blob)
        with site(registry, {"directory": str(tmp_path / f"{number}"), "disk_bytes": 0}) as crfs:
            crfs.names(f"{path}/")
            blob_requests(registry, blob)
            assert crfs.get(f"{path}/noise").body == NOISE
            assert len(blob_requests(registry, blob)) == count


def test_after_a_restart_the_registry_is_asked_for_nothing_that_the_spool_has(
    registry: DemoRegistry, tmp_path: Path
) -> None:
    path = layer(registry, ONE_FRAME)
    cache = {"directory": str(tmp_path), "disk_bytes": 0}
    with site(registry, cache) as crfs:
        assert crfs.get(f"{path}/etc/last").body == b"end"
    blob_requests(registry, ONE_FRAME)
    with site(registry, cache) as crfs:
        assert crfs.names(f"{path}/") == NAMES
        assert crfs.get(f"{path}/noise").body == NOISE
        assert crfs.get(f"{path.replace('/layers/', '/images/')[:-2]}/etc/passwd").body == b"root"

    assert blob_requests(registry, ONE_FRAME) == []


@either
def test_after_a_restart_listings_cost_no_request_for_the_blob(
    registry: DemoRegistry, blob: bytes, tmp_path: Path
) -> None:
    path = layer(registry, blob)
    for _ in ("first", "restarted"):
        blob_requests(registry, blob)
        with site(registry, tmp_path) as crfs:
            assert crfs.names(f"{path}/") == NAMES

    assert blob_requests(registry, blob) == []


def test_a_bit_that_changes_in_a_tar_after_the_pass_is_never_served(registry: DemoRegistry, tmp_path: Path) -> None:
    path = layer(registry, TAR)
    with site(registry, {"directory": str(tmp_path), "disk_bytes": 0, "range_bytes": 0}) as crfs:
        crfs.names(f"{path}/")
        registry.faults.path_contains = str(digest_of(TAR))
        registry.faults.flipped_bit = 1
        assert crfs.get(f"{path}/etc/last").body == b"end"
        registry.faults.flipped_bit = ALWAYS
        assert crfs.get(f"{path}/etc/passwd").status == 502


def test_of_a_large_tar_only_what_is_read_is_fetched(registry: DemoRegistry, tmp_path: Path) -> None:
    path = layer(registry, TAR)
    with site(registry, tmp_path, limits={"verified_tar_bytes": 0}) as crfs:
        assert crfs.get(f"{path}/etc/last").body == b"end"

    assert (0, len(TAR)) not in blob_requests(registry, TAR)
    assert list((tmp_path / "indexes").rglob("streamed-*")) == []


def test_two_servers_on_one_disk_unpack_a_layer_once(registry: DemoRegistry, tmp_path: Path) -> None:
    path = layer(registry, ONE_FRAME)

    def look(crfs: Site) -> bytes:
        return crfs.get(f"{path}/noise").body

    with site(registry, tmp_path) as one, site(registry, tmp_path) as other, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, [one, other, one, other])) == [NOISE] * 4

    assert blob_requests(registry, ONE_FRAME).count((0, len(ONE_FRAME))) == 1
    assert len(spool_files(tmp_path)) == 1


def test_a_spool_that_something_changed_while_nobody_looked_is_never_served(
    registry: DemoRegistry, tmp_path: Path
) -> None:
    path = layer(registry, ONE_FRAME)
    with site(registry, tmp_path) as crfs:
        crfs.names(f"{path}/")
    [spool] = spool_files(tmp_path)
    spool.write_bytes(bytes(spool.stat().st_size))
    with site(registry, tmp_path) as crfs:
        assert crfs.get(f"{path}/noise").body == NOISE


def test_spools_stay_within_their_bytes_and_what_had_to_go_is_unpacked_again(
    registry: DemoRegistry, tmp_path: Path
) -> None:
    others = [tar_of(file("other", random.Random(number).randbytes(3 << 20))) for number in range(3)]
    path = layer(registry, ONE_FRAME)
    with site(registry, {"directory": str(tmp_path), "spool_bytes": 8 << 20}) as crfs:
        assert crfs.get(f"{path}/noise").body == NOISE
        for number, other in enumerate(others):
            registry.add_image("my/other", f"{number}", [(frame(other), {})])
            crfs.names(f"/layers/{registry.host}/my/other/{number}/0/")
            assert sum(each.stat().st_size for each in spool_files(tmp_path)) <= 8 << 20
        assert crfs.get(f"{path}/noise").body == NOISE


def test_a_demo_keeps_nothing_on_disk(registry: DemoRegistry, tmp_path: Path) -> None:
    path = layer(registry, ONE_FRAME)
    with site(registry, {"directory": str(tmp_path), "disk_bytes": 0, "spool_bytes": 0, "index_bytes": 0}) as crfs:
        assert crfs.names(f"{path}/")[0] == "README.txt"

    assert list(tmp_path.iterdir()) == []


@either
def test_content_that_is_not_what_the_config_says_is_not_shown(
    registry: DemoRegistry, blob: bytes, tmp_path: Path
) -> None:
    other = str(digest_of(b"another layer"))
    registry.add_image("my/app", "1", [(blob, {})], config={"rootfs": {"type": "layers", "diff_ids": [other]}})
    for _ in ("first", "restarted"):
        with site(registry, tmp_path) as crfs:
            path = f"/layers/{registry.host}/my/app/1/0"
            assert crfs.names(f"{path}/") == ["README.txt", digest_of(blob).file_name]
            assert f"DiffID {digest_of(TAR)}; expected {other}" in crfs.get(f"{path}/README.txt").body.decode()
