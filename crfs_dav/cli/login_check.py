"""`crfs-dav login-check`: which credentials are used for a registry, and what it says to them."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from crfs_dav.access import keyring_of, registry_settings
from crfs_dav.config import load_config
from crfs_dav.names import Registry, Repository, parse_registry, parse_repository
from crfs_dav.registry.credentials.secret import Found, IdentityToken, Login
from crfs_dav.registry.logincheck import LoginCheck, check_login

EXIT_REFUSED = 1
EXIT_UNREACHABLE = 3

_EXIT_CODES = {"refused": EXIT_REFUSED, "unreachable": EXIT_UNREACHABLE}
_STATES = {
    "open": "lets everybody in",
    "accepted": "takes these credentials",
    "anonymous": "lets us in without credentials",
    "refused": "refuses",
    "unreachable": "does not answer",
}


def run(options: argparse.Namespace) -> int:
    """0 where the registry lets us in, 1 where it refuses, 3 where it does not answer. Raises BadName, BadConfig."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    config = load_config(options.config, {})
    registry, repository = _parsed(options.registry)
    keyring = keyring_of(config)
    found = keyring.find(registry, repository.name if repository else "")
    checked = check_login(replace(registry_settings(config), credentials=keyring), registry, repository, found)
    if options.json:
        print(json.dumps(_document(options.registry, found, checked), indent=2))
    else:
        print("\n".join(_lines(options.registry, found, checked)))
    return _EXIT_CODES.get(checked.state, 0)


def _parsed(text: str) -> tuple[Registry, Repository | None]:
    host, _, name = text.removeprefix("https://").removeprefix("http://").rstrip("/").partition("/")
    registry = parse_registry(host)
    return registry, parse_repository(registry, name) if name else None


def _document(place: str, found: Found | None, checked: LoginCheck) -> dict[str, Any]:
    names = checked.names
    return {
        "registry": place,
        "url": checked.url or None,
        "challenges": list(checked.challenges),
        "credentials": {"source": found.source, **_described(found)} if found else None,
        "answer": {"state": checked.state, "reason": checked.reason or None},
        "listing": {"kind": names.kind, "first": list(names.first), "reason": names.reason or None} if names else None,
    }


def _described(found: Found) -> dict[str, str | None]:
    if isinstance(found.secret, Login):
        return {"kind": "password", "user": found.secret.user}
    if isinstance(found.secret, IdentityToken):
        return {"kind": "identity token", "user": found.secret.user or None}
    return {"kind": "registry token", "user": None}


def _lines(place: str, found: Found | None, checked: LoginCheck) -> Iterator[str]:
    yield place
    if checked.url:
        yield f"  address      {checked.url}"
    yield f"  asks for     {', '.join(checked.challenges) or 'nothing'}"
    yield f"  credentials  {_spelled(found)}"
    yield f"  answer       {_STATES[checked.state]}" + (f": {checked.reason}" if checked.reason else "")
    names = checked.names
    if names is not None:
        listed = ", ".join([*names.first, "…"]) if names.first else "no names"
        yield f"  listing      {names.kind}: {listed}" + (f" ({names.reason})" if names.reason else "")


def _spelled(found: Found | None) -> str:
    if found is None:
        return "none found"
    described = _described(found)
    of = f" of {described['user']}" if described["user"] else ""
    return f"{described['kind']}{of}, from {found.source}"
