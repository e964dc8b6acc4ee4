"""`crfs-dav index`: what it makes, what it says, how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crfs_dav.cli.main import main
from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.oci import Platform
from tests.support.archives import file, tar_of, targz_of
from tests.support.images import NOISE, layer_of
from tests.support.site import site

PLAIN = targz_of(tar_of(file("noise", NOISE), file("last", b"end")))
SMALL = targz_of(tar_of(file("small", b"small")))
BROKEN = PLAIN[:-30]

Index = Callable[..., tuple[int, str, str]]


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        digest = registry.add_image("a/b", "1", [(PLAIN, {}), (SMALL, {}), layer_of(file("toc", b"toc"))])
        registry.add_index("a/b", "many", {Platform("linux", "arm64"): digest})
        registry.add_image("a/b", "broken", [(BROKEN, {})], config={"rootfs": {}})
        yield registry


@pytest.fixture
def index(registry: DemoRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Index:
    def run(tag: str, *options: str) -> tuple[int, str, str]:
        code = main(["index", f"{registry.host}/a/b:{tag}", "--cache-dir", str(tmp_path), *options])
        return code, *capsys.readouterr()

    return run


def test_a_server_finds_the_indexes_made(registry: DemoRegistry, index: Index, tmp_path: Path) -> None:
    assert index("1")[0] == 0
    registry.clear_requests()
    with site(registry, tmp_path) as crfs:
        assert crfs.names(f"/layers/{registry.host}/a/b/1/0/") == ["last", "noise"]

    assert [request.path for request in registry.requests if "/blobs/" in request.path] == []


def test_each_layer_has_a_line(index: Index) -> None:
    code, out, err = index("1")

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert sorted(line.split()[1] for line in lines[:-1]) == ["0", "1", "2"]
    assert any("2 entries in " in line for line in lines)
    assert lines[-1].endswith(" MiB")


def test_json_says_the_same(index: Index) -> None:
    document = json.loads(index("1", "--json")[1])

    assert [(layer["number"], layer["entries"], layer["error"]) for layer in document["layers"]] == [
        (0, 2, None),
        (1, 1, None),
        (2, 1, None),
    ]
    assert document["cost"]["requests"] > 3


def test_quiet_says_nothing(index: Index) -> None:
    assert index("1", "--quiet") == (0, "", "")


def test_of_an_image_for_several_platforms_one_is_indexed(index: Index) -> None:
    assert index("many", "--platform", "linux/arm64")[0] == 0
    code, _, err = index("many", "--platform", "linux/s390x")
    assert code == 1
    assert "linux/s390x" in err


def test_a_layer_that_cannot_be_read_is_a_failure_and_says_why(index: Index) -> None:
    code, out, _ = index("broken")

    assert code == 1
    assert "gzip member: no end" in out


@pytest.mark.parametrize(("tag", "code"), [("nope", 1), ("no tag", 2)])
def test_what_is_not_there_is_one_line(index: Index, tag: str, code: int) -> None:
    found, out, err = index(tag)

    assert (found, out) == (code, "")
    assert len(err.splitlines()) == 1
