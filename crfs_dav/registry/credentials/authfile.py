"""One place that holds an `AuthDocument`, a file or a variable, read again when it changes, and what it leads to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

from crfs_dav.errors import Corrupt, CrfsError
from crfs_dav.names import Registry
from crfs_dav.registry.credentials.authdocument import AuthDocument, Helper, parse_auth_document
from crfs_dav.registry.credentials.helper import server_of
from crfs_dav.registry.credentials.secret import Found, Secret

_SIZE_LIMIT = 4 << 20  # bytes
_SHARED_BITS = stat.S_IROTH | stat.S_IWOTH

Report: TypeAlias = Callable[[str], None]
"""Takes what is wrong, for the log, once."""

Ask: TypeAlias = Callable[[Helper], Secret | None]
"""What a helper says; raises CrfsError."""


class Place(Protocol):
    """Where a document lies."""

    @property
    def name(self) -> str:
        """The place, for people."""
        ...

    def version(self) -> object:
        """Changes with the content; None where there is none. Raises Corrupt."""
        ...

    def read(self) -> bytes:
        """The content; raises Corrupt where it cannot be read."""
        ...


class VariablePlace:
    """A document in an environment variable."""

    def __init__(self, variable: str) -> None:
        self.name = variable

    def version(self) -> object:
        """The text itself."""
        return os.environ.get(self.name) or None

    def read(self) -> bytes:
        """The text."""
        return os.environ.get(self.name, "").encode("utf-8", "surrogateescape")


class FilePlace:
    """A document in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def version(self) -> object:
        """What the file system says of the file."""
        try:
            status = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Corrupt(f"{error.strerror}; expected a file that can be read") from None
        return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode

    def read(self) -> bytes:
        """The file's bytes."""
        try:
            with self._path.open("rb") as file:
                content = file.read(_SIZE_LIMIT + 1)
        except OSError as error:
            raise Corrupt(f"{error.strerror}; expected a file that can be read") from None
        if len(content) > _SIZE_LIMIT:
            raise Corrupt(f"over {_SIZE_LIMIT} bytes; expected a small file")
        return content

    @property
    def is_shared(self) -> bool:
        """True where everybody on this machine may read or write the file."""
        try:
            return os.name == "posix" and bool(self._path.stat().st_mode & _SHARED_BITS)
        except OSError:  # gone since
            return False


class AuthSource:
    """A source of what one place says, helpers that it names included."""

    def __init__(self, place: Place, ask: Ask | None, report: Report) -> None:
        self._place = place
        self._ask = ask
        self._report = report
        self._read: tuple[object, AuthDocument] = (None, AuthDocument())

    def __call__(self, registry: Registry, name: str) -> Found | None:
        """What the place has for a repository; None where nothing. What is wrong with it is reported."""
        document = self._document()
        helper = document.helpers.get(registry) or document.store
        if helper is not None and self._ask is not None:
            secret = self._asked(replace(helper, server=helper.server or server_of(registry)), self._ask)
            if secret is not None:
                return Found(secret, f"docker-credential-{helper.suffix}, which {self._place.name} names")
        secret = document.secret(registry, name)
        return Found(secret, self._place.name) if secret is not None else None

    def _asked(self, helper: Helper, ask: Ask) -> Secret | None:
        try:
            return ask(helper)
        except CrfsError as error:
            self._report(f"credentials of {helper.server}: {error}")
            return None

    def _document(self) -> AuthDocument:
        try:
            version = self._place.version()
            read = self._read
            if version == read[0]:
                return read[1]
            document = AuthDocument() if version is None else parse_auth_document(self._place.read())
        except Corrupt as error:
            self._report(f"{self._place.name}: {error}")
            return AuthDocument()
        for problem in document.problems:
            self._report(f"{self._place.name}: {problem}")
        if document.secrets and isinstance(self._place, FilePlace) and self._place.is_shared:
            self._report(f"{self._place.name}: everybody on this machine can read it; expected mode 600")
        self._read = (version, document)
        return document
