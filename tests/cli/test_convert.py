"""`crfs-dav convert` as people run it: a process, its exit code, what it says, and what the registry was asked."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.cache.memory import MemoryStore
from crfs_dav.demo.faults import ALWAYS, Faults
from crfs_dav.demo.registry import DemoRegistry, Layer
from crfs_dav.demo.sample import build_sample
from crfs_dav.demo.uploads import Writing
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.detect import open_archive
from crfs_dav.names import parse_digest
from crfs_dav.oci import MANIFEST_TYPES, Descriptor, Manifest, Platform, parse_manifest
from crfs_dav.readers import BytesReader
from tests.support.archives import dir_, file, tar_of
from tests.support.http import fetch
from tests.support.process import run_cli

NOISE = random.Random(1).randbytes(1 << 20)
LOWER = tar_of(dir_("etc/"), file("etc/passwd", b"root"), file("etc/noise", NOISE))
UPPER = tar_of(file("etc/upper", b"upper"))
ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry(writing=Writing()) as registry:
        layers: list[Layer] = [(gzip.compress(tar, mtime=0), {}) for tar in (LOWER, UPPER)]
        registry.add_image("my/image", "plain", layers, config={"config": {"Labels": {"a": "b"}}, "odd": 1})
        registry.clear_requests()
        yield registry


def convert(registry: DemoRegistry, *arguments: str, env: dict[str, str] | None = None) -> Any:
    """What became of the command; `@` in arguments stands for the registry."""
    return run_cli("convert", *(argument.replace("@", f"{registry.host}/") for argument in arguments), env=env)


def manifest(registry: DemoRegistry, repository: str, tag: str) -> Manifest:
    parsed = parse_manifest(fetch(f"{registry.url}/v2/{repository}/manifests/{tag}", ACCEPT).body)
    assert isinstance(parsed, Manifest)
    return parsed


def contents(registry: DemoRegistry, repository: str, layer: Descriptor) -> dict[str, bytes]:
    blob = fetch(f"{registry.url}/v2/{repository}/blobs/{layer.digest}").body
    archive = open_archive(BytesReader(blob), layer, Means(MemoryStore(1 << 26)))
    assert archive is not None
    return {
        entry.name: archive.open(position).read_at(0, entry.size)
        for position, entry in enumerate(archive.entries)
        if entry.size
    }


def is_tagged(registry: DemoRegistry, repository: str, tag: str) -> bool:
    return fetch(f"{registry.url}/v2/{repository}/manifests/{tag}", ACCEPT).status == 200


def writes(registry: DemoRegistry) -> list[str]:
    """Requests of an upload so far, shortened: blobs that were looked for, and what was sent."""
    texts = []
    for request in registry.requests:
        if request.method == "GET" or ("/manifests/" in request.path and request.method == "HEAD"):
            continue
        mount = " mount" if request.asked("mount") else ""
        texts.append(request.method + mount + (" manifest" if "/manifests/" in request.path else ""))
    return texts


def test_the_result_has_the_same_files_and_is_lazily_readable(registry: DemoRegistry) -> None:
    result = convert(registry, "@my/image:plain", "@my/image:esgz")

    assert result.returncode == 0, result.stderr
    found = manifest(registry, "my/image", "esgz")
    assert all("containerd.io/snapshot/stargz/toc.digest" in layer.annotations for layer in found.layers)
    assert contents(registry, "my/image", found.layers[0]) == {"etc/passwd": b"root", "etc/noise": NOISE}
    assert contents(registry, "my/image", found.layers[1]) == {"etc/upper": b"upper"}


def test_the_config_keeps_all_but_its_diff_ids(registry: DemoRegistry) -> None:
    convert(registry, "@my/image:plain", "@my/image:esgz")

    found = manifest(registry, "my/image", "esgz")
    blobs = f"{registry.url}/v2/my/image/blobs"
    config = json.loads(fetch(f"{blobs}/{found.config.digest}").body)
    assert (config["config"], config["odd"]) == ({"Labels": {"a": "b"}}, 1)
    for layer, diff_id in zip(found.layers, config["rootfs"]["diff_ids"], strict=True):
        assert parse_digest(diff_id).matches(gzip.decompress(fetch(f"{blobs}/{layer.digest}").body))


def test_standard_output_is_the_result(registry: DemoRegistry) -> None:
    result = convert(registry, "@my/image:plain", "@my/image:esgz", "--quiet")

    digest = fetch(f"{registry.url}/v2/my/image/manifests/esgz", ACCEPT).headers["Docker-Content-Digest"]
    assert result.stdout == f"{registry.host}/my/image:esgz@{digest}\n"
    assert result.stderr == ""


def test_all_is_there_before_the_tag(registry: DemoRegistry) -> None:
    convert(registry, "@my/image:plain", "@new:esgz")

    blob = ["HEAD", "POST mount", "PATCH", "PUT"]
    config = ["HEAD", "POST", "PATCH", "PUT"]
    asked = writes(registry)
    assert sorted(asked[:8]) == sorted(2 * blob)  # two layers at once
    assert asked[8:] == [*config, "PUT manifest"]


def test_what_is_there_is_not_sent_again(registry: DemoRegistry) -> None:
    convert(registry, "@my/image:plain", "@new:esgz")
    registry.clear_requests()

    convert(registry, "@my/image:plain", "@new:other")

    assert writes(registry) == ["HEAD", "HEAD", "HEAD", "PUT manifest"]


def test_twice_converted_is_the_same_image(registry: DemoRegistry) -> None:
    first = convert(registry, "@my/image:plain", "@new:esgz").stdout
    second = convert(registry, "@new:esgz", "@elsewhere:esgz").stdout

    assert first.partition("@")[2] == second.partition("@")[2]
    assert contents(registry, "elsewhere", manifest(registry, "elsewhere", "esgz").layers[1])


def test_layers_of_another_repository_are_mounted(registry: DemoRegistry) -> None:
    convert(registry, "@my/image:plain", "@my/image:esgz")
    registry.clear_requests()

    convert(registry, "@my/image:plain", "@new:esgz")

    assert writes(registry).count("POST mount") == 2
    assert writes(registry).count("PATCH") == 1  # the config


def test_in_place_the_tag_moves(registry: DemoRegistry) -> None:
    before = manifest(registry, "my/image", "plain")

    assert convert(registry, "--in-place", "@my/image:plain").returncode == 0

    assert manifest(registry, "my/image", "plain") != before


def test_a_dry_run_writes_nothing(registry: DemoRegistry) -> None:
    result = convert(registry, "--dry-run", "@my/image:plain", "@new:esgz")
    assert set(writes(registry)) == {"HEAD"}
    assert "a dry run: nothing was written" in result.stderr

    real = convert(registry, "@my/image:plain", "@new:esgz")
    assert real.stdout == result.stdout


def test_an_index_is_converted_with_all_its_platforms_or_some(registry: DemoRegistry) -> None:
    plain = manifest(registry, "my/image", "plain")
    other = registry.add_image("my/image", None, [(gzip.compress(UPPER, mtime=0), {})], config={"architecture": "arm"})
    amd64 = parse_digest(f"sha256:{hashlib.sha256(plain.document).hexdigest()}")
    registry.add_index("my/image", "all", {Platform("linux", "amd64"): amd64, Platform("linux", "arm64"): other})

    assert convert(registry, "@my/image:all", "@new:all").returncode == 0
    one = convert(registry, "@my/image:all", "@new:one", "--platform", "linux/arm64")

    index = json.loads(fetch(f"{registry.url}/v2/new/manifests/all", ACCEPT).body)
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    for entry in index["manifests"]:
        assert fetch(f"{registry.url}/v2/new/manifests/{entry['digest']}", ACCEPT).status == 200
    assert len(manifest(registry, "new", "one").layers) == 1
    assert "1 other manifests left out" in one.stderr


def test_the_sample_image_is_passed_through(registry: DemoRegistry) -> None:
    build_sample(registry)
    result = convert(registry, "@my/ubuntu:18.04", "@new:x")
    assert (result.returncode, result.stderr.count("passed through")) == (0, 3)


@pytest.mark.parametrize(
    "options",
    [
        ("--format", "stargz"),
        ("--format", "zstd:chunked"),
        ("--format", "zstd:chunked", "--level", "22", "--chunk-size", "64K"),
        ("--min-chunk-size", "1M", "--level", "0"),
    ],
    ids=" ".join,
)
def test_every_form_holds_the_same_files(registry: DemoRegistry, options: tuple[str, ...]) -> None:
    result = convert(registry, *options, "@my/image:plain", "@new:x")

    assert result.returncode == 0, result.stderr
    assert contents(registry, "new", manifest(registry, "new", "x").layers[0]) == {
        "etc/passwd": b"root",
        "etc/noise": NOISE,
    }


def test_json_is_one_object_a_line(registry: DemoRegistry) -> None:
    result = convert(registry, "--json", "@my/image:plain", "@new:esgz")

    events = [json.loads(line) for line in result.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names[:2] == ["planned", "space-needed"]
    assert names.count("layer-done") == 2
    assert {"layer-started", "layer-read", "layer-written", "layer-sent"} < set(names)
    assert (names[-1], events[-1]["destination"]) == ("done", f"{registry.host}/new:esgz")
    assert result.stderr == ""


def test_paths_to_come_first_that_are_in_no_layer_are_told(registry: DemoRegistry, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    wanted.write_text("/etc/upper\netc/passwd\nno/such\nnor/that\n")
    options = ("--prioritize", str(wanted), "@my/image:plain", "@new:esgz")

    people, programs = convert(registry, "--quiet", *options), convert(registry, "--json", *options)

    assert people.stderr == "crfs-dav convert: --prioritize: 2 in no layer that was written: no/such, nor/that\n"
    assert json.loads(programs.stdout.splitlines()[-1])["notFound"] == ["no/such", "nor/that"]
    assert (people.returncode, programs.returncode, programs.stderr) == (0, 0, "")


def test_a_terminal_sees_bars(registry: DemoRegistry) -> None:
    terminal, side = pty.openpty()
    arguments = [f"{registry.host}/my/image:plain", f"{registry.host}/new:esgz"]
    process = subprocess.Popen(
        [sys.executable, "-m", "crfs_dav", "convert", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=side,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(side)
    seen = bytearray()
    with suppress(OSError):  # how Linux tells of the end
        while data := os.read(terminal, 4096):
            seen += data
    os.close(terminal)
    assert process.wait(20) == 0
    assert b"\x1b[" in seen
    assert seen.count(b"converted") == 2


FAULTS = [
    (Faults(denied=ALWAYS, method="POST"), "403 DENIED"),
    (Faults(unauthorized=ALWAYS, method="POST"), "401 UNAUTHORIZED"),
    (Faults(broken=ALWAYS, broken_status=413, method="PATCH"), "413"),
    (Faults(throttled=ALWAYS, retry_after="3600", method="PATCH"), "requests"),
    (Faults(refused_digest=ALWAYS, method="PUT"), "DIGEST_INVALID"),
    (Faults(flipped_bit=ALWAYS, path_contains="blobs/sha256"), "expected"),
]


@pytest.mark.parametrize(("faults", "text"), FAULTS, ids=[text for _, text in FAULTS])
def test_a_registry_that_refuses_leaves_nothing_tagged(
    registry: DemoRegistry, faults: Faults, text: str, tmp_path: Path
) -> None:
    registry.faults = faults

    result = convert(registry, "@my/image:plain", "@new:esgz", "--quiet", "--temp-dir", str(tmp_path))

    registry.faults = Faults()
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"crfs-dav convert: (layer|config) sha256:\w{64}: .+\n", result.stderr)
    assert text in result.stderr
    assert not is_tagged(registry, "new", "esgz")
    assert registry.open_uploads == 0
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_is_refused_is_told_of(registry: DemoRegistry) -> None:
    registry.faults = Faults(denied=ALWAYS, path_contains="manifests/esgz", method="PUT")
    result = convert(registry, "@my/image:plain", "@new:esgz", "--quiet")
    assert result.returncode == 1
    assert "403 DENIED" in result.stderr


def test_an_upload_that_breaks_off_goes_on(registry: DemoRegistry) -> None:
    registry.faults = Faults(cut_upload=1, cut_at=1000, method="PATCH")

    assert convert(registry, "@my/image:plain", "@new:esgz").returncode == 0

    patches = [request.headers["Content-Range"] for request in registry.requests if request.method == "PATCH"]
    assert any(text.startswith("1000-") for text in patches)
    assert contents(registry, "new", manifest(registry, "new", "esgz").layers[0])["etc/noise"] == NOISE


def test_an_image_that_is_not_there_is_a_failure(registry: DemoRegistry) -> None:
    result = convert(registry, "@my/image:none", "@new:esgz")
    assert result.returncode == 1
    assert "404" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_cleanly_and_a_second_run_goes_on(
    registry: DemoRegistry, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    registry.faults = Faults(throttled=ALWAYS, retry_after="30", method="PATCH", path_contains="uploads")
    arguments = [f"{registry.host}/my/image:plain", f"{registry.host}/new:esgz", "--temp-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "crfs_dav", "convert", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(request.method == "PATCH" for request in registry.requests):
        assert process.poll() is None
        time.sleep(0.01)

    process.send_signal(number)
    out, err = process.communicate(timeout=20)

    registry.faults = Faults()
    assert (process.returncode, out) == (code, "")
    assert "stopped; nothing was tagged" in err
    assert "Traceback" not in err
    assert registry.open_uploads == 0
    assert list(tmp_path.iterdir()) == []
    assert not is_tagged(registry, "new", "esgz")
    assert run_cli("convert", *arguments).returncode == 0


def test_after_a_signal_no_tag_is_set(registry: DemoRegistry) -> None:
    registry.faults = Faults(throttled=ALWAYS, retry_after="1", method="PUT", path_contains="manifests/esgz")
    process = subprocess.Popen(
        [sys.executable, "-m", "crfs_dav", "convert", f"{registry.host}/my/image:plain", f"{registry.host}/new:esgz"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(request.method == "PUT" and "manifests" in request.path for request in registry.requests):
        assert process.poll() is None
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    registry.faults = Faults()
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (130, "")
    assert "stopped; nothing was tagged" in err
    assert not is_tagged(registry, "new", "esgz")


@pytest.mark.parametrize(("option", "count"), [("--flatten", 1), ("--meta", 1)])
def test_layers_become_one_or_one_without_files(registry: DemoRegistry, option: str, count: int) -> None:
    result = convert(registry, option, "@my/image:plain", "@new:x")

    assert result.returncode == 0, result.stderr
    found = manifest(registry, "new", "x")
    assert len(found.layers) == count
    expected = {"etc/passwd": b"root", "etc/noise": NOISE, "etc/upper": b"upper"} if option == "--flatten" else {}
    assert contents(registry, "new", found.layers[0]) == expected


@pytest.mark.parametrize("kind", ["oci", "file"])
def test_a_place_that_cannot_be_written_is_told_of(registry: DemoRegistry, tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.tar").write_bytes(UPPER)
    (tmp_path / "taken").write_text("")
    if kind == "oci":
        result = convert(registry, "@my/image:plain", f"oci:{tmp_path}/taken/x")
    else:
        result = convert(registry, f"file:{tmp_path}/a.tar", f"file:{tmp_path}/taken/a.stargz")
    assert result.returncode == 1
    assert "/taken" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_image_goes_to_a_layout_and_back(registry: DemoRegistry, tmp_path: Path) -> None:
    there = convert(registry, "@my/image:plain", f"oci:{tmp_path}/layout:x")
    back = convert(registry, f"oci:{tmp_path}/layout:x", "@new:esgz")

    assert (there.returncode, back.returncode) == (0, 0), there.stderr + back.stderr
    digest = there.stdout.split()[-1]
    assert back.stdout == f"{registry.host}/new:esgz@{digest}\n"


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_a_file_becomes_a_file(registry: DemoRegistry, tmp_path: Path, suffix: str) -> None:
    source, destination = tmp_path / f"a{suffix}", tmp_path / "a.stargz"
    source.write_bytes(LOWER if suffix == ".tar" else gzip.compress(LOWER))

    result = convert(registry, f"file:{source}", f"file:{destination}")

    assert result.returncode == 0, result.stderr
    with tarfile.open(destination) as tar:
        assert tar.getnames()[1:] == ["etc", "etc/passwd", "etc/noise", "stargz.index.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, "a.stargz"])


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100, gzip.compress(LOWER)[:-100]], ids=len)
def test_a_file_that_is_no_tar_leaves_nothing(registry: DemoRegistry, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "a.tar"
    source.write_bytes(content)

    result = convert(registry, f"file:{source}", f"file:{tmp_path}/a.stargz", "--quiet")

    assert result.returncode == 1
    assert result.stderr.startswith(f"crfs-dav convert: file:{source}: ")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a/b:c",), "DESTINATION: expected one, or --in-place"),
        (("--in-place", "a/b:c", "d/e:f"), "DESTINATION: expected one, or --in-place"),
        (("a/b:c", "docker://d/e:f"), "expected a reference"),
        (("a/b:c", "file:x.stargz"), "file: on one side only"),
        (("file:a.zip", "file:b.stargz"), "expected a name that ends in .tar"),
        (("a/b:c", f"d/e@sha256:{'0' * 64}"), "expected a tag to write to"),
        (("a/B:c", "d/e:f"), "expected lower-case components"),
        (("a/b:c", "d/e:f", "--platform", "x"), "expected os/architecture"),
        (("a/b:c", "d/e:f", "--chunk-size", "1T"), "expected one like 4M"),
        (("a/b:c", "d/e:f", "--chunk-size", "1"), "expected 4K to 16M"),
        (("a/b:c", "d/e:f", "--level", "13"), "level: 13; expected 0 to 12 for estargz"),
        (("a/b:c", "d/e:f", "--format", "zip"), "invalid choice: 'zip'"),
        (("a/b:c", "d/e:f", "--format", "stargz", "--min-chunk-size", "64K"), "expected eStargz or zstd:chunked"),
        (("a/b:c", "oci:"), "oci:: no folder"),
        (("file:a.tar", "file:b.stargz", "--flatten"), "expected an image"),
        (("a/b:c", "d/e:f", "--flatten", "--meta"), "not allowed with argument"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run_cli("convert", *arguments)

    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_has_examples_and_exit_codes() -> None:
    text = run_cli("convert", "--help").stdout
    assert "crfs-dav convert file:layer.tar.gz file:layer.stargz" in text
    assert "exit codes: 0 done; 1 failed" in text
