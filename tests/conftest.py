"""Which tests belong together where several run at a time (`pytest -n 2 --dist loadgroup`)."""

from __future__ import annotations

from pathlib import Path

import pytest

_TESTS = Path(__file__).parent
_TOGETHER = frozenset({"interop", "clients"})  # folders that share one registry, one server and one image


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and those of a folder that shares what takes minutes to make."""
    for item in items:
        path = item.path.relative_to(_TESTS)
        item.add_marker(pytest.mark.xdist_group(path.parts[0] if path.parts[0] in _TOGETHER else path.as_posix()))
