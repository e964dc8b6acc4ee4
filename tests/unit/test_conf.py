"""What no tool of Debian can try in conf/: all that can be read of it is right, and it says what is untried."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from crfs_dav.config import load_config

CONF = Path(__file__).parents[2] / "conf"
SETTINGS = "crfs-dav.yaml"


def _files() -> list[str]:
    return sorted(str(path.relative_to(CONF)) for path in CONF.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", [name for name in _files() if name != SETTINGS])
def test_each_file_says_on_top_how_far_it_was_tried(name: str) -> None:
    comment = "".join(re.findall(r"^[#;].*\n", (CONF / name).read_text()[:700], re.MULTILINE))

    assert re.search(r"\b[Tt]ried\b", comment), name


def test_windows_reads_the_registry_file_and_finds_what_each_value_does() -> None:
    data = (CONF / "windows.reg").read_bytes()
    lines = data.decode("ascii").split("\r\n")
    values = {
        name: int(value, 16) for name, value in re.findall(r'^"(\w+)"=dword:([0-9a-f]{8})\r$', data.decode(), re.M)
    }

    assert lines[0] == "Windows Registry Editor Version 5.00"
    assert data.count(b"\n") == data.count(b"\r\n")
    assert values == {
        "Start": 2,
        "FileSizeLimitInBytes": 2**32 - 1,
        "FileAttributesLimitInBytes": 20_000_000,
        "SendReceiveTimeoutInSec": 90,
        "BasicAuthLevel": 1,
    }
    for number, line in enumerate(lines):
        if line.startswith('"'):
            assert any(above.startswith(";") for above in lines[number - 4 : number]), line


def test_the_composed_container_has_a_configuration_that_may_be_open(tmp_path: Path) -> None:
    compose = yaml.safe_load((CONF / "compose.yaml").read_text())
    (tmp_path / "crfs-dav.yaml").write_text(compose["configs"]["settings"]["content"])
    config = load_config(tmp_path / "crfs-dav.yaml", {"host": "0.0.0.0"})

    assert (config.port, config.anonymous) == (8080, True)
    assert compose["services"]["crfs-dav"]["ports"] == ["127.0.0.1:8080:8080"]
    assert compose["services"]["crfs-dav"]["configs"][0]["target"] in (CONF / "Containerfile").read_text()


def test_the_container_is_built_of_what_is_there() -> None:
    text = (CONF / "Containerfile").read_text()
    sources = [name for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for name in line.split()]

    assert sources
    for name in sources:
        assert (CONF.parent / name).exists(), name
