"""davfs2: the kernel's own view, mounted read-only. Carries everything: sizes, contents, times, executable bits."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.expected import View, walk_disk
from tests.support.machine import run


def view(url: str, scratch: Path) -> View:
    """Everything under `url`, read through a mount."""
    with mounted(url, scratch / "mount") as folder:
        seen = walk_disk(folder)
    return {path: facts for path, facts in seen.items() if path != "lost+found"}  # davfs2's own, in every mount


@contextmanager
def mounted(url: str, folder: Path) -> Iterator[Path]:
    """`url` mounted read-only on `folder`."""
    folder.mkdir()
    # davfs2 gives up root's rights, and pytest's folders are closed to all others: so this one lies directly in /tmp.
    cache = Path(tempfile.mkdtemp(prefix="davfs2-"))
    configuration = folder.with_suffix(".conf")
    # buf_size: newer kernels (seen with 6.18) read directories in pieces larger than the default 16 KiB.
    configuration.write_text(f"ask_auth 0\nbuf_size 64\ncache_dir {cache}\n")
    shutil.chown(cache, "root", "davfs2")
    cache.chmod(0o770)
    try:
        run(["mount", "-t", "davfs", "-o", f"ro,conf={configuration}", url, folder], stdin="\n\n")
        try:
            yield folder
        finally:
            run(["umount", folder])
    finally:
        shutil.rmtree(cache)
