"""Conditional requests (RFC 9110 section 13): may this GET go on, and does its `Range` still apply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from crfs_dav.dav.dates import http_date, parse_http_date
from crfs_dav.dav.request import Request
from crfs_dav.dav.response import Header

_ENTITY_TAG = re.compile(r'(W/)?("[^"]*")')


class Verdict(Enum):
    """What the conditions of a request say."""

    GO_ON = "go on"
    NOT_MODIFIED = "304 Not Modified"
    FAILED = "412 Precondition Failed"


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one content from another: a strong entity tag in quotes, and a time in seconds since 1970.

    None for content that has no time of its own: then no date says anything about it.
    """

    etag: str
    seconds: int | None

    def headers(self) -> list[Header]:
        """The headers that state them."""
        date = [] if self.seconds is None else [("Last-Modified", http_date(self.seconds))]
        return [("ETag", self.etag), *date]


def judge(request: Request, current: Validators) -> Verdict:
    """Verdict on a GET or HEAD, in the order of RFC 9110 section 13.2.2."""
    if_match, if_none_match = request.header("IF_MATCH"), request.header("IF_NONE_MATCH")
    if if_match is not None:
        if not _lists(if_match, current.etag, weakly=False):
            return Verdict.FAILED
    elif _is_before(request.header("IF_UNMODIFIED_SINCE"), current.seconds):
        return Verdict.FAILED
    if if_none_match is not None:
        return Verdict.NOT_MODIFIED if _lists(if_none_match, current.etag, weakly=True) else Verdict.GO_ON
    if _is_from(request.header("IF_MODIFIED_SINCE"), current.seconds):
        return Verdict.NOT_MODIFIED
    return Verdict.GO_ON


def range_applies(if_range: str | None, current: Validators) -> bool:
    """True if `If-Range` is absent, or names exactly the current tag or date (macOS resumes by date)."""
    return if_range is None or if_range.strip() in [value for _, value in current.headers()]


def _lists(header: str, etag: str, *, weakly: bool) -> bool:
    if header.strip() == "*":
        return True
    return any(tag == etag and (weakly or not weak) for weak, tag in _ENTITY_TAG.findall(header))


def _is_before(header: str | None, seconds: int | None) -> bool:
    """True if `header` is a date and lies before `seconds`."""
    asked = None if header is None else parse_http_date(header)
    return asked is not None and seconds is not None and asked < seconds


def _is_from(header: str | None, seconds: int | None) -> bool:
    """True if `header` is a date and lies at `seconds` or after: equal is not modified."""
    asked = None if header is None else parse_http_date(header)
    return asked is not None and seconds is not None and asked >= seconds
