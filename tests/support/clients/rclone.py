"""rclone: lists recursively and reads every file. Carries names, sizes, contents, times; no executable bit.

It waits 10 ms before each request (`backend/webdav`, `minSleep`): slow on many files, whatever the server does.
"""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path

from tests.support.expected import DIRECTORY, Facts, View
from tests.support.machine import run

_LINE = re.compile(r"^(?P<digest>[0-9a-f]{64})  (?P<path>.+?)\n(?=[0-9a-f]{64}  |\Z)", re.DOTALL | re.MULTILINE)


def view(url: str, scratch: Path) -> View:
    """Everything under `url`."""
    remote = f":webdav,url='{url}/':"
    options = [f"--config={scratch}/rclone.conf", "--retries=1", "--low-level-retries=1"]
    (scratch / "rclone.conf").touch()
    listing = json.loads(run(["rclone", "lsjson", "-R", "--no-mimetype", *options, remote]))
    digests = _digests(run(["rclone", "hashsum", "sha256", "--download", *options, remote], timeout_seconds=600))
    return {item["Path"]: _facts(item, digests.get(item["Path"], "never read")) for item in listing}


def spelled(path: str) -> str:
    """`path` as rclone's JSON has it: U+FFFD for bytes that are not UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def _digests(text: str) -> dict[str, str]:
    return {spelled(match["path"]): match["digest"] for match in _LINE.finditer(text)}


def _facts(item: dict[str, str], digest: str) -> Facts:
    if item["IsDir"]:
        return DIRECTORY
    mtime = datetime.fromisoformat(item["ModTime"]).timestamp()
    return Facts(is_directory=False, size=int(item["Size"]), sha256=digest, mtime=int(mtime))
