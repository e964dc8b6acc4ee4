"""Pages of mapped files: what is looked at once need not stay in the memory of this process, beside the page cache."""

from __future__ import annotations

import mmap
import sys


def let_go(view: object) -> None:
    """Give back all pages of the file that `view` is mapped from, if it is; they come again when looked at."""
    mapped = view.obj if isinstance(view, memoryview) else None
    if isinstance(mapped, mmap.mmap) and sys.platform == "linux":
        mapped.madvise(mmap.MADV_DONTNEED)  # of a file that nobody writes to: nothing is lost
