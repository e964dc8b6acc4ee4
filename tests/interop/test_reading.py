"""Parts of files, the registry's own documents, and refused writes, through the tools that people use for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.conftest import Served
from tests.support.clients import davfs2
from tests.support.debian_layers import BIG, BIG_SIZE
from tests.support.machine import RigError, run
from tests.support.real_registry import RealRegistry

CHUNK = 4 * 1024 * 1024  # of ctr-remote's eStargz
_RANGES = [(0, 1), (CHUNK - 5, 10), (3 * CHUNK + 17, 2 * CHUNK), (BIG_SIZE - 100, 100)]


@pytest.mark.parametrize(("offset", "size"), _RANGES)
def test_curl_reads_a_range(debian: Served, tmp_path: Path, offset: int, size: int) -> None:
    part = tmp_path / "part"
    url = f"{debian.images_url}/{BIG}"
    run(["curl", "-sSf", "-r", f"{offset}-{offset + size - 1}", "-o", part, url])
    assert part.read_bytes() == _part_on_disk(debian, offset, size)


@pytest.mark.parametrize(("offset", "size"), _RANGES)
def test_rclone_reads_a_range(debian: Served, tmp_path: Path, offset: int, size: int) -> None:
    command = f"rclone --config '' cat --offset {offset} --count {size} \":webdav,url='{debian.images_url}':{BIG}\""
    run(["sh", "-c", f"{command} > '{tmp_path}/part'"])
    assert (tmp_path / "part").read_bytes() == _part_on_disk(debian, offset, size)


def test_curl_resumes_a_download(debian: Served, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(_part_on_disk(debian, 0, CHUNK + 3))
    run(["curl", "-sSf", "-C", "-", "-o", part, f"{debian.images_url}/{BIG}"])
    assert part.read_bytes() == _part_on_disk(debian, 0, BIG_SIZE)


def test_curl_does_not_fetch_what_has_not_changed(debian: Served, tmp_path: Path) -> None:
    kept, url = tmp_path / "kept", f"{debian.images_url}/etc/passwd"
    run(["curl", "-sSf", "-R", "-o", kept, url])
    assert run(["curl", "-sSf", "-z", kept, "-o", "/dev/null", "-w", "%{http_code}", url]) == "304"


@pytest.mark.parametrize("document", ["manifest", "config"])
def test_documents_are_the_registrys(debian: Served, registry: RealRegistry, document: str) -> None:
    raw = ["--raw"] if document == "manifest" else ["--config", "--raw"]
    image = f"docker://{registry.host}/{debian.image.repository}:esgz"
    stored = run(["skopeo", "inspect", "--tls-verify=false", *raw, image])
    assert run(["curl", "-sSf", f"{debian.layers_url}/{document}"]) == stored


def test_layers_are_named_by_number_and_digest(debian: Served, registry: RealRegistry) -> None:
    manifest = json.loads(run(["curl", "-sSf", f"{debian.layers_url}/manifest"]))
    digests = {layer["digest"].replace(":", "-") for layer in manifest["layers"]}
    names = run(["rclone", "lsf", "--config", "", f":webdav,url='{debian.layers_url}':"]).split()
    assert set(names) == {"0/", "1/", "2/", "bottom/", "top/", "config", "manifest"} | {f"{name}/" for name in digests}


def test_registry_is_browsed_from_the_top(debian: Served, server: str, registry: RealRegistry) -> None:
    listing = run(["rclone", "lsf", "--config", "", f":webdav,url='{server}/images/{registry.host}/test/debian':"])
    assert {"plain/", "esgz/"} <= set(listing.split())


def _put_with_curl(url: str, file: Path) -> None:
    run(["curl", "-sSf", "-T", file, f"{url}/etc/new"])


def _put_with_rclone(url: str, file: Path) -> None:
    run(["rclone", "--config", "", "--retries", "1", "copyto", file, f":webdav,url='{url}':etc/new"])


def _delete_with_rclone(url: str, file: Path) -> None:
    run(["rclone", "--config", "", "--retries", "1", "deletefile", f":webdav,url='{url}':etc/passwd"])


def _put_with_cadaver(url: str, file: Path) -> None:
    said = run(["cadaver", f"{url}/"], stdin=f"put {file} etc/new\nquit\n")
    if "405" in said:
        raise RigError(said)


def _put_with_davfs2(url: str, file: Path) -> None:
    with davfs2.mounted(url, file.with_name("mount")) as folder:
        try:
            (folder / "etc/new").write_text("new")
        except OSError as error:
            raise RigError(str(error)) from error


_WRITES = [_put_with_curl, _put_with_rclone, _delete_with_rclone, _put_with_cadaver, _put_with_davfs2]


@pytest.mark.parametrize("write", _WRITES)
def test_write_is_refused_and_changes_nothing(
    debian: Served, tmp_path: Path, write: Callable[[str, Path], None]
) -> None:
    file = tmp_path / "new"
    file.write_text("new")
    before = run(["curl", "-sSf", f"{debian.images_url}/etc/passwd"])
    with pytest.raises(RigError):
        write(debian.images_url, file)
    assert run(["curl", "-sSf", f"{debian.images_url}/etc/passwd"]) == before
    with pytest.raises(RigError):
        run(["curl", "-sSf", f"{debian.images_url}/etc/new"])


def _part_on_disk(debian: Served, offset: int, size: int) -> bytes:
    with (debian.image.root / BIG).open("rb") as file:
        file.seek(offset)
        return file.read(size)
