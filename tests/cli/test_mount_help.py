"""`crfs-dav mount-help`: lines to copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.process import run_cli

DIGEST = "0123456789abcdef" * 4


def test_without_a_reference_it_mounts_the_whole_server() -> None:
    result = run_cli("mount-help", "--all")

    assert "sudo mount -t davfs -o ro http://127.0.0.1:8080/ /mnt" in result.stdout
    assert len(result.stdout.splitlines()) == 6
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("127.0.0.1:5000/my/ubuntu:18.04", "/images/127.0.0.1_5000/my/ubuntu/18.04"),
        ("debian", "/images/docker.io/library/debian/latest"),
        ("ghcr.io/a/b/c:v1", "/images/ghcr.io/a/b/c/v1"),
        (f"quay.io/a/b@sha256:{DIGEST}", f"/images/quay.io/a/b/sha256-{DIGEST}"),
    ],
)
def test_a_reference_becomes_the_path_of_its_merged_image(reference: str, path: str) -> None:
    for line in run_cli("mount-help", reference, "--all", "--url", "http://server:1/").stdout.splitlines():
        assert f"://server:1{path}" in line


def test_the_system_at_hand_gets_one_line_for_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "mount.davfs").touch(mode=0o755)
    result = run_cli("mount-help", "--url", "https://files.example", env={"PATH": str(tmp_path)})

    assert result.stdout == "sudo mount -t davfs -o ro https://files.example/ /mnt\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Not A Name",), "repository: 'Not A Name'"),
        (("--url", "http://h/$(id)"), "URL: 'http://h/$(id)/'"),
        (("a", "b"), "unrecognized arguments: b"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run_cli("mount-help", *arguments)

    assert (result.returncode, result.stderr.count("\n"), result.stdout) == (2, 1, "")
    assert message in result.stderr
