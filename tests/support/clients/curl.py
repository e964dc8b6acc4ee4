"""curl: plain HTTP. PROPFIND for names, sizes, executable bits; GET for contents and Last-Modified."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit
from xml.etree import ElementTree

from tests.support.expected import DIRECTORY, Facts, View, digest_of_file
from tests.support.machine import run

_QUESTION = (
    '<D:propfind xmlns:D="DAV:" xmlns:A="http://apache.org/dav/props/">'
    "<D:prop><D:resourcetype/><D:getcontentlength/><A:executable/></D:prop></D:propfind>"
)
_PATIENTLY = ("--retry", "60", "--retry-max-time", "600")  # a layer that is read through first answers 503 until then
_ASKING = ("--request", "PROPFIND", "--header", "Depth: 1", "--data", _QUESTION)


def view(url: str, scratch: Path) -> View:
    """Everything under `url`: PROPFIND level by level, then GET of every file."""
    found: dict[str, Facts] = {}
    level = [""]
    while level:
        options = _ASKING if found else (*_ASKING, *_PATIENTLY)
        answers = _fetch(url, [f"{path}/" if path else "" for path in level], scratch / "answers", options)
        below = {path: facts for answer in answers for path, facts in _parse(url, answer) if path not in ("", *level)}
        shutil.rmtree(scratch / "answers")
        found |= below
        level = [path for path, facts in below.items() if facts.is_directory]
    files = [path for path, facts in found.items() if not facts.is_directory]
    for path, copy in zip(files, _fetch(url, files, scratch / "copies", ("--remote-time",)), strict=True):
        found[path] = replace(found[path], sha256=digest_of_file(copy), mtime=int(copy.stat().st_mtime))
    return found


def _fetch(url: str, paths: Sequence[str], folder: Path, options: Sequence[str]) -> list[Path]:
    """One file in `folder` for each of `paths` below `url`, by one curl."""
    folder.mkdir()
    answers = [folder / str(number) for number in range(len(paths))]
    lines = [
        f'url = "{url}/{_quoted(path)}"\noutput = "{answer}"\n' for path, answer in zip(paths, answers, strict=True)
    ]
    requests = folder / "requests"
    requests.write_text("".join(lines))
    run(["curl", "--silent", "--show-error", "--fail", "--fail-early", *options, "--config", requests])
    return answers


def _parse(url: str, answer: Path) -> Iterator[tuple[str, Facts]]:
    base = unquote_to_bytes(urlsplit(url).path).rstrip(b"/") + b"/"
    for response in ElementTree.parse(answer).getroot():
        href = unquote_to_bytes(response.findtext("{DAV:}href", ""))
        path = os.fsdecode(href.removeprefix(base).rstrip(b"/"))
        properties = {item.tag: item for item in response.find("{DAV:}propstat/{DAV:}prop") or ()}
        yield path, _facts(properties)


def _facts(properties: dict[str, ElementTree.Element]) -> Facts:
    if properties["{DAV:}resourcetype"].find("{DAV:}collection") is not None:
        return DIRECTORY
    return Facts(
        is_directory=False,
        size=int(properties["{DAV:}getcontentlength"].text or "-1"),
        executable=properties["{http://apache.org/dav/props/}executable"].text == "T",
    )


def _quoted(path: str) -> str:
    return quote(os.fsencode(path))
