"""`WWW-Authenticate`: text to challenges (RFC 9110, 11.6.1). Pure.

More lenient than its grammar, as registries are: unquoted URLs, several challenges in one line, stray commas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HEADER_LIMIT = 8 << 10  # characters
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SEPARATORS = re.compile(r"[\s,]*")
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=][^\s,"]*))', re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|$)")
_GARBAGE = re.compile(r"[^\s,]+")
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|$)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate; the scheme and the names of parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    token68: str = ""


def parse_challenges(text: str) -> list[Challenge]:
    """Challenges of a `WWW-Authenticate` header, in its order; what makes no sense is left out."""
    text = text[:_HEADER_LIMIT]
    challenges: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = _end(_SEPARATORS, text, 0)
    while position < len(text):
        if challenges and (match := _PARAMETER.match(text, position)):
            parameters.setdefault(match[1].lower(), _value(match))
            position = match.end()
        elif match := _SCHEME.match(text, position):
            position = match.end()
            token68 = _TOKEN68.match(text, position)
            parameters = {}
            challenges.append(Challenge(match[1].lower(), parameters, token68[1] if token68 else ""))
            position = token68.end() if token68 else position
        else:
            position = _end(_GARBAGE, text, position)
        position = _end(_SEPARATORS, text, position)
    return challenges


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _value(match: re.Match[str]) -> str:
    return match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL)
