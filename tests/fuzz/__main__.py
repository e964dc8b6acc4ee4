"""`python -m tests.fuzz --inputs 1000000`: mutated bytes into all that reads bytes of strangers, until one breaks out.

Every input must end in a CrfsError or in an archive whose files can be read or refused; memory must stay bounded. An
input is made of its seed and number alone, which a failure names.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from random import Random

from crfs_dav.errors import CrfsError
from tests.fuzz.memory import peak_bytes
from tests.fuzz.targets import TARGETS

MEMORY_LIMIT = 150 << 20  # bytes above what it was before the first input


def main() -> int:
    """0 where every input ended as it must."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    names = [options.target] if options.target else list(TARGETS)
    before, started, refused = peak_bytes(), time.monotonic(), 0
    for number in range(options.inputs):
        name = names[number % len(names)]
        if (outcome := try_one(name, options.seed, number)) == "broken":
            return 1
        refused += outcome == "refused"
    grown = peak_bytes() - before
    seconds = time.monotonic() - started
    print(f"{options.inputs} inputs in {seconds:.0f} s: {refused} refused, all others read; memory +{grown >> 20} MiB")
    return int(grown > MEMORY_LIMIT)


def try_one(name: str, seed: int, number: int) -> str:
    """`read`, `refused`, or `broken` with what happened on stderr."""
    data = TARGETS[name].make(Random(f"{seed}/{number}"))
    try:
        TARGETS[name].read(data)
    except CrfsError:
        return "refused"
    except Exception:
        print(f"target {name!r}, seed {seed}, input {number}: {data[:2000]!r}", file=sys.stderr)
        traceback.print_exc()
        return "broken"
    return "read"


if __name__ == "__main__":
    sys.exit(main())
