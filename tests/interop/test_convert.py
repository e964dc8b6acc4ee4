"""`crfs-dav convert` between real registries and layouts, its results as other people's tools find them."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crfs_dav.formats.estargz import HIDDEN
from tests.interop.conftest import Served
from tests.support.archives import file, tar_of
from tests.support.cutting import CuttingProxy
from tests.support.expected import View, expected_view
from tests.support.machine import RigError, run
from tests.support.process import run_cli
from tests.support.real_registry import RealRegistry, real_registry

# bcrypt of "secret": the registry takes no other kind
PASSWORDS = "user:$2b$05$6iuftabPgOhTzBKTacg0gOnyuA72cqfH0Cqwl0cK54E6EJ/oSd6IG\n"
_LAYERS = 6
_LAYER_SIZE = 12 << 20


def convert(*arguments: object, **settings: Any) -> list[dict[str, Any]]:
    """Events of a conversion that went well."""
    result = run_cli("convert", "--json", *map(str, arguments), **settings)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def done(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "layer-done"]


def is_tagged(registry: RealRegistry, name: str) -> bool:
    try:
        run(["skopeo", "inspect", "--tls-verify=false", f"docker://{registry.host}/{name}"])
    except RigError:
        return False
    return True


def unpacked(root: Path) -> View:
    """What umoci made of an image, without the two files that eStargz adds to it."""
    found = expected_view(root)
    return {name: facts for name, facts in found.items() if name not in HIDDEN}


@pytest.fixture(scope="module")
def noise(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout whose image `plain` has six layers of noise, by umoci."""
    folder = tmp_path_factory.mktemp("noise")
    layout = folder / "layout"
    run(["umoci", "init", "--layout", layout])
    run(["umoci", "new", "--image", f"{layout}:plain"])
    for number in range(_LAYERS):
        tar = folder / "layer.tar"
        tar.write_bytes(tar_of(file(f"noise-{number}", random.Random(number).randbytes(_LAYER_SIZE))))
        run(["umoci", "raw", "add-layer", "--image", f"{layout}:plain", tar])
    return layout


def test_umoci_unpacks_the_result_to_the_same_files(registry: RealRegistry, awkward: Served, tmp_path: Path) -> None:
    convert(f"{registry.host}/test/awkward:plain", f"{registry.host}/test/ours:esgz")

    registry.pull("test/ours", "esgz", tmp_path / "layout")
    run(["umoci", "raw", "unpack", "--image", f"{tmp_path}/layout:esgz", tmp_path / "root"])

    assert unpacked(tmp_path / "root") == awkward.expected


def test_a_layout_passes_skopeo_and_umoci(registry: RealRegistry, awkward: Served, tmp_path: Path) -> None:
    convert(f"{registry.host}/test/awkward:plain", f"oci:{tmp_path}/layout:x")

    inspected = json.loads(run(["skopeo", "inspect", f"oci:{tmp_path}/layout:x"]))
    assert len(inspected["Layers"]) == len(awkward.image.plain_layers())
    run(["umoci", "raw", "unpack", "--image", f"{tmp_path}/layout:x", tmp_path / "root"])
    assert unpacked(tmp_path / "root") == awkward.expected


def test_layers_are_mounted_from_another_repository(registry: RealRegistry, noise: Path) -> None:
    convert(f"oci:{noise}:plain", f"{registry.host}/mount/first:x")

    events = convert(f"{registry.host}/mount/first:x", f"{registry.host}/mount/second:x")

    assert [event["wasThere"] for event in done(events)] == [True] * _LAYERS
    assert not [event for event in events if event["event"] == "layer-sent"]
    assert is_tagged(registry, "mount/second:x")


def test_in_place_the_tag_moves_and_twice_is_once(registry: RealRegistry, noise: Path) -> None:
    name = f"{registry.host}/in/place:x"
    registry.push(noise, "plain", "in/place")
    first = convert("--in-place", f"{registry.host}/in/place:plain")[-1]
    second = convert("--in-place", f"{registry.host}/in/place:plain")[-1]

    assert first["image"] == second["image"]
    inspected = json.loads(run(["skopeo", "inspect", "--tls-verify=false", f"docker://{name[:-1]}plain"]))
    assert inspected["Digest"] == first["image"]["digest"]


def test_an_interrupted_run_tags_nothing_and_the_next_goes_on(
    registry: RealRegistry, noise: Path, tmp_path: Path
) -> None:
    target = f"{registry.host}/broken/off:x"
    arguments = ["--json", "--temp-dir", str(tmp_path), f"oci:{noise}:plain", target]
    with subprocess.Popen(
        [sys.executable, "-m", "crfs_dav", "convert", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "layer-done":
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert (process.returncode, json.loads(rest.splitlines()[-1])["event"]) == (130, "stopped")
    assert not is_tagged(registry, "broken/off:x")
    assert list(tmp_path.iterdir()) == []

    found = done(convert(f"oci:{noise}:plain", target))

    assert 1 <= [event["wasThere"] for event in found].count(True) < _LAYERS
    assert is_tagged(registry, "broken/off:x")


def test_an_upload_over_a_connection_that_breaks_goes_on(registry: RealRegistry, noise: Path, tmp_path: Path) -> None:
    # Debian's registry (2.8) gives up an upload whose connection broke; it is begun anew (distribution#3755)
    with CuttingProxy(registry.host, after=_LAYER_SIZE // 2, times=3) as proxy:
        convert(f"oci:{noise}:plain", f"{proxy.host}/cut/off:x")
        assert proxy.cuts == 3
    registry.pull("cut/off", "x", tmp_path / "layout")


@pytest.mark.parametrize(("password", "code"), [("secret", 0), ("wrong", 1)])
def test_pushing_to_a_registry_with_passwords(noise: Path, tmp_path: Path, password: str, code: int) -> None:
    (tmp_path / "htpasswd").write_text(PASSWORDS)
    auth = {"htpasswd": {"realm": "test", "path": tmp_path / "htpasswd"}}
    with real_registry(tmp_path, auth=auth) as registry:
        settings = {"scheme": "http", "username": "user", "password_env": "PASSWORD"}
        (tmp_path / "x.yaml").write_text(json.dumps({"registries": {registry.host: settings}}))
        result = run_cli(
            "convert",
            "--quiet",
            "--config",
            f"{tmp_path}/x.yaml",
            f"oci:{noise}:plain",
            f"{registry.host}/a/b:c",
            env={"PASSWORD": password},
        )
    assert result.returncode == code, result.stderr
    assert (": 401" in result.stderr) == (code == 1)


@pytest.fixture
def small_disk(tools: None, tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder])
    try:
        yield folder
    finally:
        run(["umount", folder])


@pytest.mark.parametrize("place", ["temporary", "layout", "file", "unpacked file"])
def test_a_disk_that_is_full_is_told_of_and_left_clean(
    registry: RealRegistry, noise: Path, small_disk: Path, place: str, tmp_path: Path
) -> None:
    if place == "temporary":
        arguments = ["--temp-dir", str(small_disk), f"oci:{noise}:plain", f"{registry.host}/full/disk:x"]
    elif place == "layout":
        arguments = [f"oci:{noise}:plain", f"oci:{small_disk}/layout:x"]
    elif place == "unpacked file":
        wanted = tmp_path / "wanted"
        wanted.write_text("noise\n")
        more = ["--prioritize", str(wanted), "--temp-dir", str(small_disk)]
        arguments = [*more, f"file:{noise.parent}/layer.tar", f"file:{tmp_path}/layer.stargz"]
    else:
        arguments = [f"file:{noise.parent}/layer.tar", f"file:{small_disk}/layer.stargz"]

    result = run_cli("convert", "--quiet", *arguments)

    assert (result.returncode, result.stdout) == (1, "")
    assert "No space left on device" in result.stderr
    assert ("layer sha256:" in result.stderr) == (place in ("temporary", "layout"))
    assert ("temporary file" in result.stderr) == (place in ("temporary", "unpacked file"))
    assert "Traceback" not in result.stderr
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    assert not is_tagged(registry, "full/disk:x")
