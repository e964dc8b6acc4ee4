"""A registry's answer to our errors: done here, once.

Error bodies: OCI distribution-spec, "Error Codes"; statuses that are not in the specification by their meaning in
RFC 9110. A registry may answer 401 or 403 for what does not exist: the two cannot be told apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from crfs_dav.errors import AccessDenied, Corrupt, CrfsError, NotFound, Unavailable

_ABSENT_STATUSES = frozenset({404, 410})
_DENIED_STATUSES = frozenset({401, 402, 403, 451})
_ILLEGAL_NAME_CODES = frozenset({"NAME_INVALID", "NAME_UNKNOWN", "TAG_INVALID", "DIGEST_INVALID", "MANIFEST_UNKNOWN"})
_RETRY_AFTER_LIMIT_SECONDS = 24 * 3600.0
_BODY_LIMIT = 8 << 10  # bytes of an error's body that are looked at
_TEXT_LIMIT = 200  # characters of the registry's own words that are passed on


class Answer(Protocol):
    """What `check` looks at: an HTTP response and the name of the question."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, names in any case."""
        ...

    @property
    def what(self) -> str:
        """Method and URL, as they may be shown."""
        ...

    def peek(self) -> bytes:
        """The start of the body."""
        ...


def check(answer: Answer, *expected: int) -> None:
    """Nothing, if the status is one of `expected`; raises NotFound, AccessDenied, Unavailable or Corrupt."""
    if answer.status not in expected:
        raise error_of(answer, *expected)


def error_of(answer: Answer, *expected: int) -> CrfsError:
    """The error that `answer` is, where one of the statuses `expected` would have been right."""
    code, message = _first_error(answer.peek()[:_BODY_LIMIT])
    found = " ".join(filter(None, (str(answer.status), code, message)))
    text = f"{answer.what}: {found}; expected {' or '.join(map(str, expected))}"
    if answer.status in _ABSENT_STATUSES or (answer.status == 400 and code in _ILLEGAL_NAME_CODES):
        return NotFound(text)
    if answer.status in _DENIED_STATUSES:
        return AccessDenied(text)
    if answer.status == 416:
        return Corrupt(text)
    return Unavailable(text, retry_after_seconds=retry_after_seconds(answer.headers))


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks us to wait, 0 to a day; None where it says nothing (RFC 9110, 10.2.3).

    A date counts from the answer's own `Date`, so that the two clocks need not agree.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,10}", text):
        return min(float(text), _RETRY_AFTER_LIMIT_SECONDS)
    until, now = _date(text), _date(headers.get("Date", ""))
    if until is None or now is None:
        return None
    return min(max(0.0, until.timestamp() - now.timestamp()), _RETRY_AFTER_LIMIT_SECONDS)


def clean(text: object) -> str:
    """`text` as one short line, without what may be a secret: queries of URLs, credentials that are echoed."""
    if not isinstance(text, str):
        return ""
    line = "".join(character if character.isprintable() else " " for character in text[: 4 * _TEXT_LIMIT])
    line = re.sub(r"\?\S+", "?...", line)
    line = re.sub(r"(?i)\b(bearer|basic)\s+\S+", r"\1 ...", line)
    return " ".join(line.split())[:_TEXT_LIMIT]


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _first_error(body: bytes) -> tuple[str, str]:
    """Code and message of the first error in `body`, fit for a log; empty where it holds none."""
    try:
        error = json.loads(body)["errors"][0]
        return clean(error.get("code")), clean(error.get("message"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""
