"""What `crfs-dav convert` takes, and its help."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_EXAMPLES = """\
where SOURCE and DESTINATION are each one of
  127.0.0.1:5000/my/ubuntu:18.04      an image in a registry; where both are in one, its blobs are not sent again
  oci:DIR or oci:DIR:REF              an image in an OCI image layout, a folder as skopeo and umoci write
  file:NAME.tar[.gz|.zst]             one layer (source), to file:NAME.stargz (destination)

examples:
  crfs-dav convert 127.0.0.1:5000/my/ubuntu:18.04 127.0.0.1:5000/my/ubuntu:18.04-esgz
  crfs-dav convert --in-place --platform linux/amd64 127.0.0.1:5000/my/ubuntu:18.04
  crfs-dav convert docker.io/library/debian:12 oci:./debian:12
  crfs-dav convert file:layer.tar.gz file:layer.stargz

The tag is set when everything else is there, and not before. What was sent stays: a second run goes on from there.
Ctrl-C ends it cleanly, a second Ctrl-C at once. Standard output is one line, the name and digest of the result; with
--json it is one object a line: planned, space-needed, layer-started, layer-read, layer-written, layer-sent, layer-done,
document-sent, and last done, failed or stopped.

exit codes: 0 done; 1 failed, nothing tagged; 2 wrong usage, name or setting; 130 stopped by Ctrl-C; 143 by SIGTERM
"""


def add_convert(commands: argparse._SubParsersAction[Any]) -> None:
    """Let `commands` know `convert`."""
    convert = commands.add_parser(
        "convert",
        help="write an image anew so that it can be read lazily",
        description="Write an image anew, as eStargz if not told otherwise: the same files, each of which can then be "
        "fetched alone, by this server and by lazily pulling runtimes. It stays an image that every engine can pull. "
        "Layers that are lazily readable already are left as they are.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    convert.add_argument("source", metavar="SOURCE", help="what to read")
    convert.add_argument("destination", metavar="DESTINATION", nargs="?", help="where to write the result")
    convert.add_argument("--in-place", action="store_true", help="write the result where SOURCE is: its tag moves on")
    convert.add_argument(
        "--platform",
        action="append",
        metavar="OS/ARCH[/VARIANT]",
        help="of an image for several: take this one only, or those given; `all`, the default, for all of them",
    )
    shape = convert.add_mutually_exclusive_group()
    shape.set_defaults(shape="layered")
    shape.add_argument(
        "--flatten",
        action="store_const",
        dest="shape",
        const="flat",
        help="merge all layers into one: the root file system as it is in the end, without what upper layers hide; "
        "layers are unpacked to the folder for temporary files meanwhile",
    )
    shape.add_argument(
        "--meta",
        action="store_const",
        dest="shape",
        const="bare",
        help="write google/crfs's metadata-only variant: the config as it is (environment, command, labels, ...) over "
        "one layer without files, a few KB to pull; the files are then mounted into its containers, "
        "from /images/... of a server",
    )
    convert.add_argument(
        "--format",
        choices=("estargz", "stargz", "zstd:chunked"),
        default="estargz",
        help="estargz is what most can read, and every engine pulls; stargz is google/crfs's older form, without "
        "digests; zstd:chunked is smaller, for engines that take zstd, in the form that containerd's stargz-"
        "snapshotter reads lazily (default: estargz)",
    )
    convert.add_argument(
        "--chunk-size",
        type=_size,
        default=4 << 20,
        metavar="SIZE",
        help="larger files are cut into chunks that can be fetched alone: 4K to 16M (default: 4M); "
        "where that and --min-chunk-size make more than 8M, layers are converted one at a time",
    )
    convert.add_argument(
        "--min-chunk-size",
        type=_size,
        default=0,
        metavar="SIZE",
        help="smaller files are packed together up to this size: a smaller layer, coarser to read; 4K to 16M, "
        "not for stargz (default: off)",
    )
    convert.add_argument(
        "--level", type=int, metavar="N", help="of compression: 0 to 12 (default: 6); of zstd 1 to 22 (default: 9)"
    )
    convert.add_argument(
        "--prioritize",
        type=Path,
        metavar="FILE",
        help="list of paths, one a line: these files come first in their layers, where runtimes fetch them ahead; "
        "those that no layer has are told at the end; "
        "each layer is unpacked to the folder for temporary files meanwhile",
    )
    convert.add_argument("--dry-run", action="store_true", help="do all of it, but write nothing to DESTINATION")
    convert.add_argument("--temp-dir", type=Path, metavar="DIR", help="folder for layers under way")
    convert.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors and the result")
    convert.add_argument("--json", action="store_true", help="progress and result as JSON, one object a line")
    convert.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings; see conf/crfs-dav.yaml")


def _size(text: str) -> int:
    """Bytes of `4194304`, `4096K` or `4M`."""
    number, unit = text.rstrip("kKmM"), text[-1:].upper()
    if not number.isascii() or not number.isdigit() or len(text) - len(number) > 1:
        raise argparse.ArgumentTypeError(f"{text!r}: no size; expected one like 4M")
    size = int(number) << {"K": 10, "M": 20}.get(unit, 0)
    if not 4096 <= size <= 16 << 20:
        raise argparse.ArgumentTypeError(f"{text}: expected 4K to 16M")
    return size
