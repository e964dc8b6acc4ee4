"""`python -m tests.benchmarks`: crfs-dav against WsgiDAV's file server and `rclone serve webdav`, same tree, same run.

Prints one table of medians and ratios and asserts no times. As root; `bash .ci/install` brings what it needs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.benchmarks.load import measure
from tests.benchmarks.servers import SERVERS
from tests.support.machine import missing_tools
from tests.support.real_image import debian_image
from tests.support.real_registry import real_registry

Results = dict[str, dict[str, float]]  # workload, then server


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 measured, 1 the machine lacks a tool."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians and ratios here too")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="how often each server is started (default: 3)"
    )
    options = parser.parse_args(arguments)
    if missing := missing_tools():
        print(*missing, sep="\n", file=sys.stderr)
        return 1
    with TemporaryDirectory(prefix="crfs-bench-") as folder:
        results = run_rounds(options.rounds, Path(folder))
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(as_document(results), indent=2) + "\n")
    return 0


def run_rounds(count: int, folder: Path) -> Results:
    """Medians of `count` rounds; the servers take turns within a round, so that a noisy minute hits all of them."""
    measured: list[dict[str, dict[str, float]]] = []
    with real_registry(folder) as registry:
        image = debian_image(registry)
        for _ in range(count):
            round_results = {}
            for name, serve in SERVERS.items():
                with TemporaryDirectory(dir=folder) as scratch, serve(image, registry, Path(scratch)) as url:
                    round_results[name] = measure(url)
            measured.append(round_results)
    workloads = measured[0]["crfs-dav"]
    return {row: {name: median(one[name][row] for one in measured) for name in SERVERS} for row in workloads}


def ratios(row: str, values: dict[str, float]) -> dict[str, float]:
    """How many times as fast as each other server crfs-dav is: above 1 is faster, whatever the unit."""
    ours = values["crfs-dav"]
    others = {name: value for name, value in values.items() if name != "crfs-dav"}
    return {name: value / ours if row.endswith(" ms") else ours / value for name, value in others.items()}


def table(results: Results) -> str:
    """The results for people."""
    others = [name for name in SERVERS if name != "crfs-dav"]
    head = [*SERVERS, *(f"x {name}" for name in others)]
    lines = [f"{'(x: how many times as fast crfs-dav is)':40}" + "".join(f"{name:>16}" for name in head)]
    for row, values in results.items():
        cells = [f"{values[name]:16.1f}" for name in SERVERS]
        cells += [f"{ratio:16.2f}" for ratio in ratios(row, values).values()]
        lines.append(f"{row:40}" + "".join(cells))
    return "\n".join(lines)


def as_document(results: Results) -> dict[str, dict[str, dict[str, float]]]:
    """The results for programs."""
    return {row: {"medians": values, "ratios": ratios(row, values)} for row, values in results.items()}


if __name__ == "__main__":
    sys.exit(main())
