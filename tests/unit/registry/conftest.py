from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol, TypeAlias

import pytest

from crfs_dav.demo.registry import DemoRegistry
from crfs_dav.names import parse_registry
from crfs_dav.registry.client import RegistryClient
from crfs_dav.registry.connect import open_client
from crfs_dav.registry.settings import RegistrySettings
from tests.support.greeter import Greeter
from tests.support.scripted import Script, Scripted

Greet: TypeAlias = Callable[[Callable[[socket.socket], object]], Greeter]


class OpenClient(Protocol):
    def __call__(self, *http_hosts: str, clock: Any = None, **settings: Any) -> RegistryClient: ...


@pytest.fixture
def registry() -> Iterator[DemoRegistry]:
    with DemoRegistry() as registry:
        yield registry


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], Scripted]]:
    """Makes servers that end with the test."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(Scripted(script))


@pytest.fixture
def client_of() -> Iterator[OpenClient]:
    """Makes clients that end with the test and take the given hosts for http ones; quick to give up."""
    with ExitStack() as stack:

        def make(*http_hosts: str, clock: Any = None, **settings: Any) -> RegistryClient:
            quick: dict[str, Any] = {"backoff_seconds": 0.0, "read_seconds": 1.0, "deadline_seconds": 5.0}
            schemes = {parse_registry(host): "http" for host in http_hosts}
            chosen = RegistrySettings(**{"schemes": schemes, **quick, **settings})
            return stack.enter_context(open_client(chosen, clock=clock))

        yield make


@pytest.fixture
def greeter() -> Iterator[Greet]:
    """Makes servers below HTTP that end with the test."""
    made: list[Greeter] = []

    def make(greet: Callable[[socket.socket], object]) -> Greeter:
        made.append(Greeter(greet))
        return made[-1]

    yield make
    for one in made:
        one.close()
