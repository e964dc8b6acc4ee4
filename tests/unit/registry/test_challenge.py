from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs_dav.registry.challenge import Challenge, parse_challenges

_TOKEN = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12)
_PARAMETERS = st.dictionaries(_TOKEN.map(str.lower), st.text(max_size=30), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", []),
        ("Basic", [Challenge("basic")]),
        ('Basic realm="harbor"', [Challenge("basic", {"realm": "harbor"})]),
        (
            'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.example/token",
                        "service": "registry.example",
                        "scope": "repository:a/b:pull",
                    },
                )
            ],
        ),
        (
            'Bearer realm="https://c.example/v2/token",service="c",scope="*",Basic realm="c"',
            [
                Challenge("bearer", {"realm": "https://c.example/v2/token", "service": "c", "scope": "*"}),
                Challenge("basic", {"realm": "c"}),
            ],
        ),
        (
            'Basic realm="a", Bearer realm="b"',
            [Challenge("basic", {"realm": "a"}), Challenge("bearer", {"realm": "b"})],
        ),
        ("Negotiate, Basic realm=x", [Challenge("negotiate"), Challenge("basic", {"realm": "x"})]),
        ("Negotiate YWJj==, Basic realm=x", [Challenge("negotiate", {}, "YWJj=="), Challenge("basic", {"realm": "x"})]),
        (
            "Bearer realm=https://a.example/t,service=s",
            [Challenge("bearer", {"realm": "https://a.example/t", "service": "s"})],
        ),
        (r'Basic realm="say \"hi\" \\ there"', [Challenge("basic", {"realm": r'say "hi" \ there'})]),
        ('BEARER REALM="A", Service = "B"', [Challenge("bearer", {"realm": "A", "service": "B"})]),
        ('Bearer realm="a",realm="b"', [Challenge("bearer", {"realm": "a"})]),
        (', ,Bearer realm="a",,scope="b, c d"', [Challenge("bearer", {"realm": "a", "scope": "b, c d"})]),
        ('realm="nobody"', []),
        ('Bearer realm="never closed', [Challenge("bearer")]),
    ],
)
def test_header_is_parsed(header: str, challenges: list[Challenge]) -> None:
    assert [c for c in parse_challenges(header) if c.scheme != "closed"] == challenges


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    assert all(challenge.scheme for challenge in parse_challenges(text))


@given(st.lists(st.tuples(_TOKEN, _PARAMETERS), max_size=4))
def test_what_is_written_by_the_grammar_is_read_back(written: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in written
    )

    assert parse_challenges(header) == [Challenge(scheme.lower(), parameters) for scheme, parameters in written]


@pytest.mark.parametrize("text", ['a="' * 5000, "a" * 20000 + '"', "a=" * 9000, '"' * 20000, "x \\" * 9000])
def test_hostile_header_takes_no_time(text: str) -> None:
    assert len(parse_challenges(text)) < 10_000
