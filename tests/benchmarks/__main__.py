"""`python -m tests.benchmarks [ROW ...]`: crfs-dav against what people would use instead, on the same data.

Prints one table of medians and ratios, and a small one of how cost grows; asserts no times. As root; `bash .ci/install`
and `pip install -e '.[bench]'` bring what it needs. On an idle machine: everything takes turns on the same processor
cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.copying import copies_grow, copy
from tests.benchmarks.figures import Figure, Result, document, growth_table, results, table
from tests.benchmarks.firstbyte import first_byte, first_bytes_grow
from tests.benchmarks.listing import listings, listings_grow
from tests.benchmarks.manyentries import big_toc, tocs_grow
from tests.benchmarks.program import start
from tests.benchmarks.rig import Rig
from tests.benchmarks.scattered import scattered
from tests.benchmarks.servers import missing_modules
from tests.benchmarks.smallfiles import small_files, workers
from tests.benchmarks.streams import cold_stream, warm_stream
from tests.support.machine import missing_tools
from tests.support.real_registry import real_registry

Row = Callable[[Rig], list[Figure]]

ROWS: dict[str, Row] = {
    "1": listings,
    "2": listings,
    "3": small_files,
    "4": workers,
    "5": warm_stream,
    "6": cold_stream,
    "7": first_byte,
    "8": copy,
    "9": scattered,
    "10": big_toc,
    "12": start,
}
GROWTH: dict[str, Row] = {
    "1x": listings_grow,
    "7x": first_bytes_grow,
    "8x": copies_grow,
    "10x": tocs_grow,
}
_HELP = """
Rows 1 to 12 are those of the table; 2 comes with 1, and 11, memory, with 5, 6 and 8. 1x, 7x, 8x and 10x show the row at
a tenth of its size, at its size, and at ten times its size. Beside this command, `tests.benchmarks.convert` and
`tests.benchmarks.gzip_index` measure what their names say.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 measured, 1 a row could not be measured or the machine lacks a tool."""
    options = _parser().parse_args(arguments)
    if missing := missing_tools() + missing_modules():
        print(*missing, sep="\n", file=sys.stderr)
        return 1
    chosen = options.rows or [*ROWS, *GROWTH]
    with TemporaryDirectory(prefix="crfs-bench-") as folder, real_registry(Path(folder)) as registry:
        rig = Rig(registry, Path(folder))
        rows, failed = measure(rig, [ROWS[name] for name in chosen if name in ROWS], options.rounds)
        growth, failed_too = measure(rig, [GROWTH[name] for name in chosen if name in GROWTH], options.rounds)
    tables = [show(found) for show, found in ((table, rows), (growth_table, growth)) if found]
    print("\n\n".join(tables))
    if options.json:
        parts = {"machine": _machine(), "rows": document(rows), "growth": document(growth)}
        options.json.write_text(json.dumps(parts, indent=2) + "\n")
    return 1 if failed or failed_too else 0


def measure(rig: Rig, rows: Iterable[Row], rounds: int) -> tuple[list[Result], bool]:
    """Figures of `rows`, and whether one failed; that is told on standard error, and the next one measured."""
    measured: list[Result] = []
    failed = False
    for row in dict.fromkeys(rows):
        print(row.__name__.replace("_", " "), file=sys.stderr)
        try:
            measured += results([row(rig) for _ in range(rounds)])
        except Exception:  # a peer may fail in any way
            traceback.print_exc()
            failed = True
    return measured, failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__, epilog=_HELP)
    names = [*ROWS, *GROWTH]
    parser.add_argument(
        "rows", nargs="*", choices=[[], *names], metavar="ROW", help=f"only these of {', '.join(names)} (default: all)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="how often each row is measured (default: 3)"
    )
    return parser


def _machine() -> dict[str, object]:
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}


if __name__ == "__main__":
    sys.exit(main())
