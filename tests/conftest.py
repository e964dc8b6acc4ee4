"""Which tests belong together where several run at a time (`pytest -n 2 --dist loadgroup`)."""

from __future__ import annotations

from pathlib import Path

import pytest

_TESTS = Path(__file__).parent
_SLOWLY_MADE = "debian"  # the fixture that takes minutes


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and all that use the big image in one."""
    for item in items:
        file = item.path.relative_to(_TESTS).as_posix()
        is_of_image = _SLOWLY_MADE in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group(_SLOWLY_MADE if is_of_image else file))
