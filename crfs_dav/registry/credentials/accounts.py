"""Accounts that our own configuration names: a user, and where the password lies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crfs_dav.errors import Corrupt
from crfs_dav.names import Registry
from crfs_dav.registry.credentials.authfile import FilePlace, Report
from crfs_dav.registry.credentials.secret import Found, Login


@dataclass(frozen=True, slots=True)
class Account:
    """A user whose password lies in a file, or in an environment variable."""

    user: str
    password_file: str | None = None
    password_env: str | None = None


class AccountSource:
    """A source of configured accounts. Passwords are read when they are needed, so new ones need no restart."""

    def __init__(self, accounts: Mapping[Registry, Account], report: Report) -> None:
        self._accounts = accounts
        self._report = report

    def __call__(self, registry: Registry, name: str) -> Found | None:
        """The account at `registry`, None where there is none; raises Corrupt where its password cannot be had."""
        account = self._accounts.get(registry)
        if account is None:
            return None
        try:
            return self._found(account)
        except Corrupt as error:
            raise Corrupt(f"registries: {registry}: {error}") from None

    def _found(self, account: Account) -> Found:
        if account.password_env is not None:
            password = os.environ.get(account.password_env, "")
            source = f"configuration, environment variable {account.password_env}"
            if not password:
                raise Corrupt(f"password_env: {account.password_env} is not set; expected it in the environment")
            return Found(Login(account.user, password), source)
        path = _expanded(account.password_file or "")
        return Found(Login(account.user, self._password_of(path)), f"configuration, file {path}")

    def _password_of(self, path: Path) -> str:
        place = FilePlace(path)
        try:
            password = place.read().decode("utf-8", "surrogateescape").rstrip("\r\n")
        except Corrupt as error:
            raise Corrupt(f"password_file: {path}: {error}") from None
        if not password:
            raise Corrupt(f"password_file: {path}: empty; expected a password")
        if place.is_shared:
            self._report(f"{path}: everybody on this machine can read it; expected mode 600")
        return password


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise Corrupt(f"password_file: {text}: no such user; expected one that has a home") from None
