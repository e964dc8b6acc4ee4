"""Names, sizes and times as people read them."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape

from crfs_dav.dav.dates import iso_date, seconds_of

_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DIGITS = re.compile("([0-9]{1,18})")


def shown(name: str) -> str:
    """A name as HTML text; what cannot be shown is U+FFFD."""
    return escape(_NOT_SHOWN.sub("\ufffd", name))


def shown_text(text: str) -> str:
    """A text of many lines as HTML text; what cannot be shown is U+FFFD."""
    return escape(_NOT_TEXT.sub("\ufffd", text.replace("\r\n", "\n")).replace("\r", "\n"))


def human_size(size: int) -> str:
    """`size` bytes in the unit that leaves one to four digits before the point: `17 B`, `1.5 MiB`."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, len(_UNITS))
    return f"{size / 1024**power:.1f} {_UNITS[power - 1]}"


def size_cell(size: int) -> str:
    """`size` bytes as HTML, the exact count as its title."""
    return f'<span class="size" title="{size} bytes">{human_size(size)}</span>'


def time_cell(moment: datetime | None) -> str:
    """A time as HTML, in UTC; nothing where none is known."""
    if moment is None:
        return ""
    text = iso_date(seconds_of(moment))
    return f'<time datetime="{text}">{text[:10]}<span class="hour"> {text[11:16]}</span></time>'


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts as people count: `2` before `10`, `v1.9` before `v1.10`."""
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in _DIGITS.split(name)]
