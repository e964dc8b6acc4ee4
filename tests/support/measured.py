"""Opens one blob in a process of its own, and tells what came of it and how much memory that took.

python -m tests.support.measured BLOB DIGEST SCRATCH LIMITS-AS-JSON
"""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crfs_dav.cache.mapped import MappedFiles
from crfs_dav.cache.memory import MemoryStore
from crfs_dav.errors import CrfsError
from crfs_dav.formats.candidate import Means
from crfs_dav.formats.columnstore import ColumnStore
from crfs_dav.formats.detect import open_archive
from crfs_dav.formats.limits import Limits
from crfs_dav.formats.passes import Passes
from crfs_dav.formats.spool import Spools
from crfs_dav.local.folder import LocalFolder
from crfs_dav.names import Digest, parse_digest
from crfs_dav.oci import Descriptor
from crfs_dav.tree.layer import build_tree
from tests.fuzz.memory import peak_bytes

_HUGE = 1 << 40


@dataclass(frozen=True)
class Outcome:
    """How many entries there are, or the error; and bytes of memory above what the process had before."""

    entries: int
    error: str
    grown: int  # of the process
    helpers: int  # of the largest process that it had to help


def measured_open(
    blob: Path, limits: Mapping[str, int] | None = None, *, file_size: int | None = None, timeout_seconds: float = 60
) -> Outcome:
    """What opening `blob` as a layer comes to; `file_size` bounds what may be written, as a full disk would."""
    scratch = blob.with_name(f"{blob.name}.scratch")
    with blob.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    command = [sys.executable, "-m", "tests.support.measured", blob, digest, scratch, json.dumps(dict(limits or {}))]
    completed = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout_seconds,
        cwd=Path(__file__).parents[2],
        preexec_fn=None
        if file_size is None
        else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size)),
    )
    return Outcome(**json.loads(completed.stdout))


def _main(path: Path, digest: Digest, scratch: Path, limits: Limits) -> Outcome:
    logging.disable(logging.CRITICAL)
    file = LocalFolder(path.parent).open([path.name])
    descriptor = Descriptor("", digest, file.size)
    means = Means(
        MemoryStore(32 << 20),
        Spools(MappedFiles(scratch / "spool", _HUGE)),
        limits,
        ColumnStore(MappedFiles(scratch / "indexes", _HUGE)),
        passes=Passes(patience_seconds=600),
    )
    before, entries, error = peak_bytes(), 0, ""
    try:
        archive = open_archive(file, descriptor, means)
        if archive is not None:
            entries = len(archive.entries)
            build_tree(archive, "layer")
    except CrfsError as failure:
        error = f"{type(failure).__name__}: {failure}"
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    return Outcome(entries, error, peak_bytes() - before, max(0, helpers - before))


if __name__ == "__main__":
    _, blob, digest, scratch, limits = sys.argv
    print(json.dumps(vars(_main(Path(blob), parse_digest(digest), Path(scratch), Limits(**json.loads(limits))))))
