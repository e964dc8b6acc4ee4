r"""Names that Windows can hold, made reversibly from any name: as rclone spells them on Windows, and a little more.

One forbidden name in a listing makes Explorer refuse the whole folder (notes on clients, 3.6). So:

    < > : " \ | ? *           their full-width forms: `libc6：amd64.list`
    % before two hex digits   `％`: the redirector asks for `x%20y` as `x y`
    control characters        their symbols: `␊`, `␡`
    . or space at the end     `．`, `␠`
    aux, com1.txt, …          first letter full-width: `ａux`
    bytes that are not UTF-8  `‛` and two hex digits each: `‛FF`
    what stands for another   `‛` before it, also before `‛` itself
    twins (`Foo`, `foo`)      all but the first get a full-width number: `foo‛２.txt`

Pure; a name has one spelling, and a text that is nobody's spelling has no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

_QUOTE = "\u201b"
_WIDE = 0xFEE0  # from an ASCII character to its full-width form
_SYMBOLS = 0x2400  # from a control character to its symbol
_ALWAYS = {**{char: chr(ord(char) + _WIDE) for char in '<>:"\\|?*'}, "\x7f": "\u2421"}
_ALWAYS.update({chr(code): chr(code + _SYMBOLS) for code in range(1, 0x20)})
_SOMETIMES = {"%": "\uff05", ".": "\uff0e", " ": "\u2420"}
_NARROW = {wide: char for char, wide in (_ALWAYS | _SOMETIMES).items()}
_LITERAL_ESCAPE = re.compile("%(?=[0-9A-Fa-f]{2})")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?", re.I | re.S)
_DIGITS = str.maketrans("0123456789", "".join(chr(ord(digit) + _WIDE) for digit in "0123456789"))
# A quoted byte, a quoted character, or one character.
_TOKEN = re.compile(f"{_QUOTE}([0-9A-F]{{2}})|{_QUOTE}(.)|(.)", re.S)
_TWIN = re.compile(
    f"((?:{_QUOTE}[^\uff10-\uff19]|[^{_QUOTE}])*){_QUOTE}([\uff11-\uff19][\uff10-\uff19]{{0,5}})(.*)", re.S
)


def spell(name: str) -> str:
    """`name` as Windows can hold it."""
    if name.isalnum() and name.isascii() and not _DEVICE.fullmatch(name):
        return name
    body = _LITERAL_ESCAPE.sub("\0", name)  # no name holds NUL
    last = _SOMETIMES.get(name[-1]) if name[-1] in ". " else None
    text = "".join(map(_spelled, body)) if last is None else "".join(map(_spelled, body[:-1])) + last
    return _with_first(name, text)


def unspell(text: str) -> str | None:
    """The name whose spelling, alone or as a twin, is `text`; None where there is none or it is the name itself."""
    number, single = _without_number(text)
    name = _unspelled(single)
    if name == text or number == 1 or name in ("", ".", "..") or "/" in name or "\0" in name:
        return None
    again = spell(name)
    return name if (again if number is None else _numbered(again, number)) == text else None


def spell_all(names: Iterable[str]) -> Iterator[str]:
    """The spellings of a directory's names, in their order; no two differ in case alone."""
    listed = list(names)
    twins: dict[str, list[str]] = {}
    for name in listed:
        twins.setdefault(_folded(spell(name)), []).append(name)
    numbers = {
        name: number
        for group in twins.values()
        if len(group) > 1
        for number, name in enumerate(islice(sorted(group), 1, None), 2)
    }
    for name in listed:
        yield _numbered(spell(name), numbers[name]) if name in numbers else spell(name)


def _folded(text: str) -> str:
    """What texts that Windows takes for one have in common, and perhaps some more texts."""
    return text.upper().casefold()


def _spelled(char: str) -> str:
    if char == "\0":
        return _SOMETIMES["%"]
    if char in _ALWAYS:
        return _ALWAYS[char]
    if char in _NARROW or char == _QUOTE:
        return _QUOTE + char
    if "\udc80" <= char <= "\udcff":
        return f"{_QUOTE}{ord(char) - 0xDC00:02X}"
    return char


def _with_first(name: str, text: str) -> str:
    """`text`, the spelling of `name` so far, with the first character that keeps it from being a device."""
    if _DEVICE.fullmatch(name):
        return chr(ord(text[0]) + _WIDE) + text[1:]
    return _QUOTE + text if _is_wide_device(name) else text


def _is_wide_device(name: str) -> bool:
    return "\uff21" <= name[:1] <= "\uff5a" and _DEVICE.fullmatch(chr(ord(name[0]) - _WIDE) + name[1:]) is not None


def _unspelled(text: str) -> str:
    chars: list[str] = []
    for byte, quoted, plain in _TOKEN.findall(text):
        chars.append(chr(0xDC00 + int(byte, 16)) if byte else quoted or _NARROW.get(plain, plain))
    name = "".join(chars)
    if not text.startswith(_QUOTE) and _is_wide_device(name):
        return chr(ord(name[0]) - _WIDE) + name[1:]
    return name


def _numbered(text: str, number: int) -> str:
    """`text` with a twin's number before its last extension."""
    stem, dot, extension = text.rpartition(".")
    mark = _QUOTE + str(number).translate(_DIGITS)
    return f"{stem}{mark}{dot}{extension}" if stem else f"{text}{mark}"


def _without_number(text: str) -> tuple[int | None, str]:
    match = _TWIN.fullmatch(text)
    return (int(match[2]), match[1] + match[3]) if match else (None, text)
