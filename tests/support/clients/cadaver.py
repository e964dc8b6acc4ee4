"""cadaver: neon's command line. Carries sizes, contents, times, executable bits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

from tests.support.expected import DIRECTORY, Facts, View, digest_of_file
from tests.support.machine import RigError, run

_HEADING = re.compile(r"Listing collection `(?P<path>.*)': (?:succeeded\.|collection is empty\.)")
# type, versioned, executable, name, size, date: columns of cadaver 0.24 `src/ls.c`
_LINE = re.compile(r"(?P<kind>.{5}) .(?P<executable>[* ])(?P<name>.*?) +(?P<size>\d+)  .{12}")
_REFUSED = re.compile(r"^Could not access|failed:|^Error:|collection resource")
_DATE = re.compile(r"DAV: getlastmodified = (?P<date>.*)")


def view(url: str, scratch: Path, closed: Container[str] = ()) -> View:
    """Everything under `url`: one session a level of `ls`, then one session of `get` and `propget`.

    It does not look into the directories `closed`: some names cannot be typed in it.
    """
    found: dict[str, Facts] = {}
    level = [""]
    while level:
        listed = _listings(_talk(url, [f'ls "./{path}"' for path in level]), level)
        found |= listed
        level = [path for path, facts in listed.items() if facts.is_directory and path not in closed]
    files = [path for path, facts in found.items() if not facts.is_directory]
    copies = scratch / "copies"
    copies.mkdir()
    for path, (copy, mtime) in zip(files, _contents(url, files, copies), strict=True):
        found[path] = replace(found[path], sha256=digest_of_file(copy), mtime=mtime)
    shutil.rmtree(copies)
    return found


def _talk(url: str, commands: Sequence[str]) -> list[str]:
    text = run(["cadaver", f"{url}/"], stdin="\n".join([*commands, "quit\n"]), timeout_seconds=600)
    refused = [line for line in text.splitlines() if _REFUSED.search(line)]
    if refused:
        raise RigError(f"cadaver {url}: {refused[:5]}; expected success")
    return text.splitlines()


def _listings(lines: Sequence[str], level: Sequence[str]) -> dict[str, Facts]:
    found: dict[str, Facts] = {}
    folders = iter(level)
    folder = ""
    for line in lines:
        if _HEADING.search(line):
            folder = next(folders)
        elif match := _LINE.fullmatch(line):
            path = f"{folder}/{match['name']}" if folder else match["name"]
            found[path] = _facts(match)
    return found


def _facts(match: re.Match[str]) -> Facts:
    if match["kind"] == "Coll:":
        return DIRECTORY
    return Facts(is_directory=False, size=int(match["size"]), executable=match["executable"] == "*")


def _contents(url: str, files: Sequence[str], copies: Path) -> Iterator[tuple[Path, int]]:
    commands = []
    for number, path in enumerate(files):
        commands += [f'get "{path}" "{copies}/{number}"', f'propget "{path}"']
    dates = [match["date"] for line in _talk(url, commands) if (match := _DATE.search(line))]
    for number, date in enumerate(dates):
        yield copies / str(number), int(parsedate_to_datetime(date).timestamp())
