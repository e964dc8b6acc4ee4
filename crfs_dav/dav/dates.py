"""Times as HTTP and WebDAV spell them (RFC 9110 section 5.6.7, RFC 3339), in whole seconds since 1970."""

from __future__ import annotations

import time
from datetime import datetime
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from math import floor

_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: four digits are all that the grammars hold
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def seconds_of(mtime: datetime | None) -> int:
    """Seconds since 1970, rounded down, clamped to 1970..9999; 0 for None. Clients choke on times before 1970."""
    if mtime is None:
        return 0
    return min(max(floor(mtime.timestamp()), 0), _LAST_SECOND)


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`. Kept, because the files of a layer share few times."""
    at = time.gmtime(seconds)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"
    )


@lru_cache(maxsize=4096)
def iso_date(seconds: int) -> str:
    """`1994-11-06T08:49:37Z`."""
    at = time.gmtime(seconds)
    return f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}T{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}Z"


def parse_http_date(text: str) -> int | None:
    """Seconds since 1970 of any of HTTP's three date formats; None for all else (RFC 9110: ignore such a header)."""
    try:
        parts = parsedate_tz(text)
        return None if parts is None else floor(mktime_tz(parts))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
