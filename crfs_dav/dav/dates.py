"""Times as HTTP and WebDAV spell them (RFC 9110 section 5.6.7, RFC 3339), in whole seconds since 1970."""

from __future__ import annotations

import time
from datetime import datetime
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from math import floor

_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: four digits are all that the grammars hold
_DAY = 86_400
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def seconds_of(mtime: datetime | None) -> int:
    """Seconds since 1970, rounded down, clamped to 1970..9999; 0 for None. Clients choke on times before 1970."""
    return clamped(None if mtime is None else floor(mtime.timestamp()))


def clamped(seconds: int | None) -> int:
    """`seconds` within 1970..9999, 0 for None."""
    if seconds is None or seconds < 0:
        return 0
    return seconds if seconds <= _LAST_SECOND else _LAST_SECOND


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`. Kept, because the files of a layer share few times."""
    day, second = divmod(seconds, _DAY)
    return f"{_http_day(day)} {_clock(second)} GMT"


@lru_cache(maxsize=4096)
def iso_date(seconds: int) -> str:
    """`1994-11-06T08:49:37Z`."""
    day, second = divmod(seconds, _DAY)
    return f"{_iso_day(day)}T{_clock(second)}Z"


@lru_cache(maxsize=512)
def _http_day(day: int) -> str:
    at = time.gmtime(day * _DAY)
    return f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04}"


@lru_cache(maxsize=512)
def _iso_day(day: int) -> str:
    at = time.gmtime(day * _DAY)
    return f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}"


def _clock(second: int) -> str:
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def parse_http_date(text: str) -> int | None:
    """Seconds since 1970 of any of HTTP's three date formats; None for all else (RFC 9110: ignore such a header)."""
    try:
        parts = parsedate_tz(text)
        return None if parts is None else floor(mktime_tz(parts))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
