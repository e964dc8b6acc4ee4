"""`crfs-dav mount-help`: the command that mounts a running server, or one image of it, on the system at hand."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

from crfs_dav.mounting import MountLine, mount_lines, systems_of
from crfs_dav.names import Reference, parse_reference

_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # mount.davfs lies there, off most users' PATH


def run(options: argparse.Namespace) -> int:
    """0, the lines printed; raises BadName for a reference or URL that is none."""
    lines = mount_lines(options.url.rstrip("/") + _path(options.reference))
    if options.all:
        print("\n".join(f"{line.system:<8} {line.command}" for line in lines))
    else:
        print(_at_hand(lines).command)
    return 0


def _path(text: str | None) -> str:
    """Path of the merged image that `text` names, spelled without a colon, which no Windows share can hold."""
    if text is None:
        return "/"
    reference = parse_reference(text)
    registry = str(reference.repository.registry).replace(":", "_")
    return f"/images/{registry}/{reference.repository.name}/{_last(reference)}/"


def _last(reference: Reference) -> str:
    return reference.digest.file_name if reference.digest else str(reference.tag)


def _at_hand(lines: Sequence[MountLine]) -> MountLine:
    """The first line whose program is installed here; where none is, the usual one."""
    usual = [line for system in systems_of(sys.platform) for line in lines if line.system == system]
    search = f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}" if os.name == "posix" else None
    return next((line for line in usual if shutil.which(line.program, path=search)), usual[0])
