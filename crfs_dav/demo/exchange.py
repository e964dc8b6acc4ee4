"""One HTTP exchange as values: `Request`, `Answer`, byte ranges (RFC 9110, section 14)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `headers` ignores case."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Message
    range: tuple[int, int | None] | None  # [start, end); end None: to the end; start below 0: from the end
    body: bytes = b""

    def asked(self, parameter: str) -> str:
        """First value of a query parameter, empty where there is none."""
        return self.query.get(parameter, [""])[0]


@dataclass(frozen=True)
class Answer:
    """One answer, and how far its body gets: after `cut_at` bytes the connection ends, or just falls silent."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_at: int | None = None
    silent: bool = False


NO_ANSWER = Answer(0)  # the connection ends instead


def parse_request(method: str, target: str, headers: Message, body: bytes = b"") -> Request:
    """The request for `target`, a path with a query."""
    parts = urlsplit(target)
    return Request(method, parts.path, parse_qs(parts.query), headers, parse_range(headers.get("Range", "")), body)


def parse_range(text: str) -> tuple[int, int | None] | None:
    """`[start, end)` of a Range header with one range, else None (RFC 9110: such a header may be ignored)."""
    match = _RANGE.fullmatch(text.strip())
    if match is None or match["first"] == match["last"] == "":
        return None
    if match["first"] == "":
        return -int(match["last"]), None
    return int(match["first"]), int(match["last"]) + 1 if match["last"] else None


def whole(body: bytes, headers: Mapping[str, str]) -> Answer:
    """200 with the whole of `body`."""
    return Answer(200, headers, body)


def part(body: bytes, headers: Mapping[str, str], wanted: tuple[int, int | None]) -> Answer:
    """206 with the `wanted` range of `body`; 416 where there is nothing of it."""
    start, end = wanted
    start = max(0, len(body) + start) if start < 0 else start
    end = len(body) if end is None else min(end, len(body))
    if start >= end:
        return Answer(416, {"Content-Range": f"bytes */{len(body)}"})
    return Answer(206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(body)}"}, body[start:end])


def json_answer(value: Any, headers: Mapping[str, str] | None = None, *, status: int = 200) -> Answer:
    """`value` as JSON."""
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode())


def refuse(status: int, code: str, message: str) -> Answer:
    """An error in the form of the distribution specification ("Error Codes")."""
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
    return Answer(status, {"Content-Type": "application/json"}, body)


def with_header(answer: Answer, name: str, value: str) -> Answer:
    """`answer` with one header more, or another value of it."""
    return replace(answer, headers={**answer.headers, name: value})
