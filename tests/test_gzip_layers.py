"""Gzipped tars end to end: what the registry is asked, who shares an index, and what is left when it goes wrong."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crfs_dav.demo.faults import ALWAYS
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import digest_of
from tests.support.archives import dir_, file, tar_of, targz_of
from tests.support.nobody import NOBODY
from tests.support.site import Site, site

_CHANCE = random.Random(11)
NOISE = _CHANCE.randbytes(3 << 20)
WORDS = b" ".join(_CHANCE.choices([b"%d" % number for number in range(5000)], k=900_000))
TAR = tar_of(
    dir_("etc/"), file("etc/passwd", b"root"), file("noise", NOISE), file("words", WORDS), file("etc/last", b"end")
)
BLOB = targz_of(TAR)
MEMBERS = b"".join(gzip.compress(TAR[start : start + 700_000], 1, mtime=0) for start in range(0, len(TAR), 700_000))


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        registry.add_image("my/app", "1", [(BLOB, {})])
        yield registry


def layer(registry: DemoRegistry) -> str:
    return f"/layers/{registry.host}/my/app/1/0"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def blob_requests(registry: DemoRegistry, blob: bytes = BLOB) -> list[tuple[int, int]]:
    """Range of each request for the blob since the last call."""
    found = [request.range or (0, None) for request in registry.requests if str(digest_of(blob)) in request.path]
    registry.clear_requests()
    return [(start, len(blob) if end is None else end) for start, end in found]


def test_the_first_look_streams_the_blob_with_one_request(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        assert crfs.names(f"{layer(registry)}/") == ["etc/", "noise", "words"]

        assert len(blob_requests(registry)) == 1


@pytest.mark.parametrize(("name", "content"), [("etc/passwd", b"root"), ("words", WORDS), ("noise", NOISE)])
def test_each_file_after_that_is_one_range(registry: DemoRegistry, name: str, content: bytes) -> None:
    with site(registry) as crfs:
        crfs.names(f"{layer(registry)}/")
        blob_requests(registry)

        assert crfs.get(f"{layer(registry)}/{name}").body == content
        assert len(blob_requests(registry)) == 1


def test_a_small_read_of_a_large_file_brings_one_span(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.names(f"{layer(registry)}/")
        registry.clear_requests()

        reply = crfs.get(f"{layer(registry)}/words", range="bytes=2000000-2004095")
        assert reply.body == WORDS[2_000_000:2_004_096]
        assert sum(end - start for start, end in blob_requests(registry)) < 1_000_000


def test_members_one_after_another_are_read_likewise(registry: DemoRegistry) -> None:
    registry.add_image("my/app", "members", [(MEMBERS, {})])
    with site(registry) as crfs:
        path = f"/layers/{registry.host}/my/app/members/0"
        assert crfs.get(f"{path}/words").body == WORDS
        blob_requests(registry, MEMBERS)
        assert crfs.get(f"{path}/etc/last").body == b"end"
        assert len(blob_requests(registry, MEMBERS)) <= 1


def test_a_second_process_asks_for_nothing_that_the_first_has(registry: DemoRegistry, tmp_path: Path) -> None:
    with site(registry, tmp_path) as crfs:
        assert crfs.get(f"{layer(registry)}/words").body == WORDS
    blob_requests(registry)
    with site(registry, tmp_path) as crfs:
        assert crfs.names(f"{layer(registry)}/") == ["etc/", "noise", "words"]
        assert crfs.get(f"{layer(registry)}/words").body == WORDS

    assert blob_requests(registry) == []


def test_two_servers_on_one_disk_make_one_index(registry: DemoRegistry, tmp_path: Path) -> None:
    def look(crfs: Site) -> list[str]:
        return crfs.names(f"{layer(registry)}/")

    with site(registry, tmp_path) as one, site(registry, tmp_path) as other, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, [one, other, one, other])) == [["etc/", "noise", "words"]] * 4

    assert len(blob_requests(registry)) == 1


def test_a_process_killed_while_it_indexes_leaves_nothing_wrong_behind(registry: DemoRegistry, tmp_path: Path) -> None:
    registry.faults.path_contains = str(digest_of(BLOB))
    registry.faults.stalled_body, registry.faults.cut_at = 1, 1 << 20
    command = [sys.executable, "-m", "crfs_dav", "index", f"{registry.host}/my/app:1", "--cache-dir", str(tmp_path)]
    with subprocess.Popen(command, env={**os.environ, **NOBODY}) as process:
        while not any(str(digest_of(BLOB)) in request.path for request in registry.requests):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    registry.clear_requests()
    with site(registry, tmp_path) as crfs:
        assert crfs.get(f"{layer(registry)}/words").body == WORDS

    assert len(blob_requests(registry)) == 2
    kept = [file.name.partition(".")[0] for file in (tmp_path / "indexes").glob("sha256-*/*")]
    assert sorted(kept) == ["targz-1", "tree-1"]


def test_while_a_layer_is_read_a_listing_is_refused_and_a_page_shows_what_came_by(registry: DemoRegistry) -> None:
    registry.faults.path_contains = str(digest_of(BLOB))
    registry.faults.stalled_body, registry.faults.cut_at = 1, 2 << 20
    with site(registry, patience_seconds=0.2) as crfs:
        etc = f"{layer(registry)}/etc/"
        until(lambda: b"2 entries so far" in crfs.get(f"{etc}passwd").body)
        refused = crfs.request("PROPFIND", etc, depth="1")
        page = crfs.get(etc, accept="text/html").body.decode()

    assert refused.status == 503
    assert refused.body == b"Not ready yet: being read, 2 of 4 MiB, 2 entries so far; try again later.\n"
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert "passwd" in page
    assert "This is not all" in page


def test_who_waits_for_another_server_hears_that(registry: DemoRegistry, tmp_path: Path) -> None:
    registry.faults.path_contains = str(digest_of(BLOB))
    registry.faults.stalled_body, registry.faults.cut_at = 1, 2 << 20
    with (
        site(registry, tmp_path, patience_seconds=0.2) as one,
        site(registry, tmp_path, patience_seconds=0.2) as other,
    ):
        until(lambda: b"being read, 2 of 4 MiB" in one.get(f"{layer(registry)}/etc/passwd").body)

        assert other.get(f"{layer(registry)}/etc/passwd").body == (
            b"Not ready yet: being read by another process; try again later.\n"
        )


def test_an_index_too_large_to_be_kept_is_used_all_the_same(registry: DemoRegistry, tmp_path: Path) -> None:
    with site(registry, {"directory": str(tmp_path), "index_bytes": 500}) as crfs:
        assert crfs.get(f"{layer(registry)}/words").body == WORDS

    assert [file for file in (tmp_path / "indexes").rglob("*") if file.is_file() and file.stat().st_size] == []


def test_a_stream_that_breaks_off_is_continued(registry: DemoRegistry) -> None:
    registry.faults.path_contains = str(digest_of(BLOB))
    registry.faults.short_body, registry.faults.cut_at = 2, 1 << 20
    with site(registry) as crfs:
        assert crfs.names(f"{layer(registry)}/") == ["etc/", "noise", "words"]
        requests = blob_requests(registry)

    assert [start for start, _ in requests] == [0, 1 << 20, 2 << 20]


def test_a_registry_without_ranges_is_enough_for_the_index(registry: DemoRegistry) -> None:
    registry.faults.ignored_range = ALWAYS
    with site(registry) as crfs:
        assert crfs.get(f"{layer(registry)}/words").body == WORDS


def test_a_bit_that_flips_in_a_span_is_found_and_read_again(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.names(f"{layer(registry)}/")
        registry.faults.path_contains = str(digest_of(BLOB))
        registry.faults.flipped_bit = 1
        assert crfs.get(f"{layer(registry)}/words").body == WORDS


def test_a_bit_that_stays_wrong_is_never_served(registry: DemoRegistry) -> None:
    with site(registry) as crfs:
        crfs.names(f"{layer(registry)}/")
        registry.faults.path_contains = str(digest_of(BLOB))
        registry.faults.flipped_bit = ALWAYS
        assert crfs.get(f"{layer(registry)}/etc/passwd").status == 502


def test_a_blob_that_is_not_its_digest_leaves_no_index(registry: DemoRegistry, tmp_path: Path) -> None:
    registry.faults.path_contains = str(digest_of(BLOB))
    registry.faults.flipped_bit = ALWAYS
    with site(registry, tmp_path) as crfs:
        assert crfs.names(f"{layer(registry)}/")[0] == "README.txt"

    assert [path for path in (tmp_path / "indexes").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("diff_ids", [[], ["nonsense", "more"]])
def test_a_config_that_tells_of_other_layers_is_not_asked_about_them(
    registry: DemoRegistry, diff_ids: list[str]
) -> None:
    registry.add_image("my/app", "1", [(BLOB, {})], config={"rootfs": {"type": "layers", "diff_ids": diff_ids}})
    with site(registry) as crfs:
        assert crfs.get(f"{layer(registry)}/etc/last").body == b"end"


def test_content_that_is_not_what_the_config_says_is_not_shown(registry: DemoRegistry) -> None:
    other = str(digest_of(b"another layer"))
    registry.add_image("my/app", "1", [(BLOB, {})], config={"rootfs": {"type": "layers", "diff_ids": [other]}})
    with site(registry) as crfs:
        assert crfs.names(f"{layer(registry)}/") == ["README.txt", digest_of(BLOB).file_name]
        assert f"DiffID {digest_of(TAR)}; expected {other}" in crfs.get(f"{layer(registry)}/README.txt").body.decode()
        assert crfs.status(f"/images/{registry.host}/my/app/1/etc/last") == 502
