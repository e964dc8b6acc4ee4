"""The big image's layers: Debian by debootstrap, one by umoci that deletes and changes, one that is opaque."""

from __future__ import annotations

import io
import os
import random
import shutil
import tarfile
from pathlib import Path

from tests.support.machine import run

SUITE = "bookworm"
MANY = "srv/many"  # 1,000 small files
BIG = "srv/big.bin"  # one file of many chunks
BIG_SIZE = 32 * 1024 * 1024
_DEFAULT_MIRROR = "http://deb.debian.org/debian"
_MTIME = 1_600_000_001


def build_debian(folder: Path) -> Path:
    """An OCI layout in `folder`, tag `plain`: about 235 MB in three gzip layers. Takes a minute, mostly debootstrap."""
    layout, image = folder / "layout", f"{folder}/layout:plain"
    run(["umoci", "init", "--layout", layout])
    run(["umoci", "new", "--image", image])
    base = folder / "base"
    run(["debootstrap", "--variant=minbase", SUITE, base, apt_mirror()], timeout_seconds=900)
    tar = folder / "layer.tar"
    run(["tar", "--numeric-owner", "--format=gnu", "--one-file-system", "-C", base, "-cf", tar, "."])
    run(["umoci", "raw", "add-layer", "--image", image, tar])
    bundle = folder / "bundle"
    run(["umoci", "unpack", "--image", image, bundle])
    _change(bundle / "rootfs")
    run(["umoci", "repack", "--image", image, bundle])
    _write_opaque_layer(tar)
    run(["umoci", "raw", "add-layer", "--image", image, tar])
    for left in (base, bundle):
        shutil.rmtree(left)
    tar.unlink()
    return layout


def apt_mirror(apt: Path = Path("/etc/apt")) -> str:
    """Address of the Debian mirror that this machine's apt uses for bookworm, else the public one (sources.list(5))."""
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        read = _uris_of_stanzas if file.suffix == ".sources" else _uris_of_lines
        for uri in read(file.read_text()):
            if uri.startswith("http"):
                return uri
    return _DEFAULT_MIRROR


def _uris_of_lines(text: str) -> list[str]:
    words = [line.split() for line in text.splitlines() if line.startswith("deb ")]
    return [line[line.index(SUITE) - 1] for line in words if SUITE in line]


def _uris_of_stanzas(text: str) -> list[str]:
    uris = []
    for stanza in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in stanza.splitlines() if ":" in line and line[0] not in "# ")
        if SUITE in fields.get("Suites", "").split():
            uris += fields.get("URIs", "").split()
    return uris


def _change(root: Path) -> None:
    """What a second layer does: deletes, replaces, adds, and turns files, directories and links into each other."""
    shutil.rmtree(root / "usr/share/doc/apt")
    (root / "etc/issue").unlink()
    (root / "etc/motd").write_text("Changed by the second layer.\n")
    (root / "etc/issue.net").chmod(0o755)
    _replace_link(root / "etc/os-release", "/etc/motd")
    shutil.rmtree(root / "usr/share/doc/bash")
    (root / "usr/share/doc/bash").write_text("A file where a directory was.\n")
    (root / "etc/debian_version").unlink()
    (root / "etc/debian_version").mkdir()
    (root / "etc/debian_version/inside").write_text("A directory where a file was.\n")
    _add_new(root / "srv")


def _add_new(folder: Path) -> None:
    for name, target in _LINKS.items():
        (folder / name).symlink_to(target)
    (folder / "tool").write_text("#!/bin/sh\necho tool\n")
    (folder / "tool").chmod(0o755)
    (folder / "empty").touch()
    (folder / "twin").hardlink_to(folder / "tool")
    os.mkfifo(folder / "fifo")
    noise = random.Random(2)
    (folder / "big.bin").write_bytes(noise.randbytes(BIG_SIZE))
    (folder / "many").mkdir()
    for number in range(1000):
        file = folder / "many" / f"{number:04}.txt"
        file.write_bytes(noise.randbytes(600).hex().encode())
        os.utime(file, (_MTIME + number, _MTIME + number))


_LINKS = {
    "absolute": "/etc/hostname",
    "climbing": "../../../../../etc/hostname",
    "dangling": "nowhere/at/all",
    "here": ".",
    "licenses": "../usr/share/common-licenses",
    "loop-1": "loop-2",
    "loop-2": "loop-1",
}


def _replace_link(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


def _write_opaque_layer(tar: Path) -> None:
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as archive:
        folder = tarfile.TarInfo("usr/share/common-licenses")
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, _MTIME
        archive.addfile(folder)
        for name, content in ((".wh..wh..opq", b""), ("MINE", b"All others are hidden.\n")):
            file = tarfile.TarInfo(f"usr/share/common-licenses/{name}")
            file.size, file.mode, file.mtime = len(content), 0o644, _MTIME
            archive.addfile(file, io.BytesIO(content))
