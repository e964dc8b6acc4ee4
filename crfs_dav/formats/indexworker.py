"""The process that makes an index: `python -m crfs_dav.formats.indexworker`. Ctrl-C is its parent's to hear."""

from __future__ import annotations

import os
import signal
import sys

from crfs_dav.formats.indexing import serve_job

_NICENESS = 10  # who reads files goes first


def main() -> None:
    """Do one job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    serve_job(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
