"""A large plain layer made of this machine's own /usr: as many of its files, in order of their names, as fill it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.real_image import cache_folder

_FOLDERS = ("usr/bin", "usr/include", "usr/lib", "usr/share")
_CONTENT = 970_000_000  # bytes; about 355 MB once packed
_TAR = "tar --directory=/ --create --no-recursion --owner=0 --group=0 --numeric-owner --mtime=@0 --null --files-from=-"


def usr_layer() -> Path:
    """The layer, packed by `gzip -6`; kept from one run to the next."""
    kept = cache_folder() / "usr-v1.tar.gz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        making = kept.with_name(f"{kept.name}.{os.getpid()}")
        names = b"".join(os.fsencode(name) + b"\0" for name in _names())
        with making.open("wb") as file, subprocess.Popen(["gzip", "-6"], stdin=subprocess.PIPE, stdout=file) as packer:
            subprocess.run(_TAR.split(), input=names, stdout=packer.stdin, check=True)
            packer.communicate()
        making.rename(kept)
    return kept


def _names() -> Iterator[str]:
    size = 0
    for folder in _FOLDERS:
        for directory, directories, files in os.walk(Path("/", folder)):
            directories.sort()
            for path in (Path(directory, name) for name in sorted(files)):
                status = path.lstat()
                size += status.st_size
                if size > _CONTENT:
                    return
                yield str(path.relative_to("/"))
