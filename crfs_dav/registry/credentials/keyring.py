"""All places that may hold credentials, in the order in which they are looked into.

1  our own configuration
2  DOCKER_AUTH_CONFIG            Docker's variable, as CI systems set it
3  REGISTRY_AUTH_FILE            Podman's variable
4  config.json                   of `docker login`
5  auth.json                     of `podman login`: for this session, for good
6  Google's metadata server      where the configuration says so

In a file, helpers come before what it holds itself. What is broken is reported once, and the next place asked.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from crfs_dav.errors import CrfsError
from crfs_dav.names import Registry
from crfs_dav.registry.credentials.accounts import Account, AccountSource
from crfs_dav.registry.credentials.authfile import AuthSource, FilePlace, Place, Report, VariablePlace
from crfs_dav.registry.credentials.google import GoogleMetadata
from crfs_dav.registry.credentials.helper import Helpers
from crfs_dav.registry.credentials.secret import Found, Secret, Source
from crfs_dav.registry.deadline import Clock

_log = logging.getLogger(__name__)

_REPORTS = 1000  # that are remembered as made


class Keyring:
    """`Credentials` out of several sources, the first that has some counts; for any thread."""

    def __init__(self, sources: Sequence[Source], report: Report) -> None:
        self._sources = sources
        self._report = report

    def __call__(self, registry: Registry, name: str) -> Secret | None:
        """What opens repository `name` of `registry`; None where nothing was found."""
        found = self.find(registry, name)
        return found.secret if found is not None else None

    def find(self, registry: Registry, name: str = "") -> Found | None:
        """The same, and where it was found."""
        for source in self._sources:
            try:
                found = source(registry, name)
            except CrfsError as error:
                self._report(str(error))
                continue
            if found is not None:
                return found
        return None


class OnceReport:
    """A `Report` into the log; the same words only once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: set[str] = set()

    def __call__(self, text: str) -> None:
        """Log `text`, if it was not yet."""
        with self._lock:
            if text in self._made or len(self._made) >= _REPORTS:
                return
            self._made.add(text)
        _log.warning("%s", text)


def open_keyring(
    accounts: Mapping[Registry, Account], clock: Clock, *, files: bool, helpers: bool, google_metadata: bool
) -> Keyring:
    """A keyring of all places of this machine's user that are wanted; reads nothing yet."""
    report = OnceReport()
    sources: list[Source] = [AccountSource(accounts, report)]
    if files:
        ask = Helpers(clock).get if helpers else None
        sources += [AuthSource(place, ask, report) for place in _places()]
    if google_metadata:
        sources.append(GoogleMetadata(clock))
    return Keyring(sources, report)


def _places() -> list[Place]:
    places: list[Place] = [VariablePlace("DOCKER_AUTH_CONFIG")]
    return places + [FilePlace(path) for path in dict.fromkeys(auth_file_paths())]


def auth_file_paths() -> list[Path]:
    """Paths of Docker's and Podman's files, whether or not they are there; containers-auth.json(5)."""
    environ = os.environ
    paths = []
    if environ.get("REGISTRY_AUTH_FILE"):
        paths.append(Path(environ["REGISTRY_AUTH_FILE"]))
    home = _home()
    docker = environ.get("DOCKER_CONFIG") or (home and home / ".docker")
    if docker:
        paths.append(Path(docker) / "config.json")
    runtime = environ.get("XDG_RUNTIME_DIR") or (f"/run/containers/{os.getuid()}" if os.name == "posix" else "")
    if runtime:
        folder = Path(runtime) / "containers" if environ.get("XDG_RUNTIME_DIR") else Path(runtime)
        paths.append(folder / "auth.json")
    config = environ.get("XDG_CONFIG_HOME") or (home and home / ".config")
    if config:
        paths.append(Path(config) / "containers" / "auth.json")
    return paths


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
