"""One registry, one server and the images of a session; all tests of this folder are marked `interop`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.awkward import awkward_layers
from tests.support.crfs_server import crfs_server
from tests.support.expected import View, expected_view
from tests.support.machine import missing_tools
from tests.support.real_image import RealImage, debian_image, image_of_tars
from tests.support.real_registry import RealRegistry, real_registry


@dataclass(frozen=True)
class Served:
    """An image as served: the two addresses of its eStargz form, and what clients must see of it."""

    image: RealImage
    images_url: str
    layers_url: str
    expected: View


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("interop")


@pytest.fixture(scope="session")
def tools() -> None:
    """Fails, never skips, where the machine lacks what these tests are made of; `-m "not interop"` leaves them out."""
    if missing := missing_tools():
        pytest.fail("\n".join(["this machine lacks:", *missing]), pytrace=False)


@pytest.fixture(scope="session")
def registry(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def server(registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with crfs_server(registry.host, tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(scope="session")
def debian(registry: RealRegistry, server: str) -> Served:
    return _served(debian_image(registry), registry, server)


@pytest.fixture(scope="session")
def awkward(registry: RealRegistry, server: str, tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("awkward")
    tars = []
    for number, content in enumerate(awkward_layers()):
        tars.append(folder / f"{number}.tar")
        tars[-1].write_bytes(content)
    return _served(image_of_tars("awkward", tars, folder, registry), registry, server)


def _served(image: RealImage, registry: RealRegistry, server: str) -> Served:
    path = f"{registry.host}/{image.repository}/esgz"
    return Served(image, f"{server}/images/{path}", f"{server}/layers/{path}", expected_view(image.root))
