"""Where a fresh machine's Debian comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.debian_layers import apt_mirror

DEFAULT = "http://deb.debian.org/debian"
STANZAS = """Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("name", "text", "mirror"),
    [
        ("sources.list.d/debian.sources", STANZAS, "http://mirror.example/debian"),
        ("sources.list", "deb http://one.example/debian bookworm main\n", "http://one.example/debian"),
        ("sources.list", "deb [signed-by=/k] http://two.example/debian bookworm main\n", "http://two.example/debian"),
        ("sources.list", "deb http://sec.example/debian-security bookworm-security main\n", DEFAULT),
        ("sources.list", "deb cdrom:[Debian]/ bookworm main\n", DEFAULT),
        ("sources.list", "# deb http://off.example/debian bookworm main\n", DEFAULT),
        ("sources.list.d/other.list", "deb https://other.example/apt nodistro main\n", DEFAULT),
        ("sources.list.d/debian.list.save", "deb http://old.example/debian bookworm main\n", DEFAULT),
    ],
)
def test_mirror_is_the_one_that_apt_uses(tmp_path: Path, name: str, text: str, mirror: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text)
    assert apt_mirror(tmp_path) == mirror
