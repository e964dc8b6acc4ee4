"""`python -m tests.benchmarks [ROW ...]`: crfs-dav against what people would use instead, on the same data, in one run.

Prints one table of medians and ratios and asserts no times. As root; `bash .ci/install` brings what it needs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.cold import copy, first_byte, scattered, stream
from tests.benchmarks.figures import Figure, document, medians, table
from tests.benchmarks.process import start
from tests.benchmarks.rig import Rig
from tests.benchmarks.tocs import big_toc
from tests.benchmarks.warm import big_file, listings, small_files
from tests.support.machine import missing_tools
from tests.support.real_registry import real_registry

ROWS: dict[int, Callable[[Rig], list[Figure]]] = {
    1: listings,
    2: listings,
    3: small_files,
    5: big_file,
    6: stream,
    7: first_byte,
    8: copy,
    9: scattered,
    10: big_toc,
    12: start,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 measured, 1 the machine lacks a tool."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "rows", nargs="*", type=int, choices=[[], *ROWS], metavar="ROW", help="only these (default: all)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="how often each row is measured (default: 3)"
    )
    options = parser.parse_args(arguments)
    if missing := missing_tools():
        print(*missing, sep="\n", file=sys.stderr)
        return 1
    chosen = dict.fromkeys(ROWS[row] for row in options.rows or ROWS)
    with TemporaryDirectory(prefix="crfs-bench-") as folder, real_registry(Path(folder)) as registry:
        rig = Rig(registry, Path(folder))
        figures = [figure for row in chosen for figure in medians([row(rig) for _ in range(options.rounds)])]
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(document(figures), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
