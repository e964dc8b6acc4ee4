from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest


class AddHelper(Protocol):
    def __call__(self, suffix: str, script: str) -> Path: ...


@pytest.fixture
def add_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddHelper:
    """Puts a program `docker-credential-<suffix>`, a shell script, on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def add(suffix: str, script: str) -> Path:
        program = folder / f"docker-credential-{suffix}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return add
