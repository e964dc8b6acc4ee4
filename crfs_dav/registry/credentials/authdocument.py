"""The JSON in which Docker, Podman and others keep credentials: text to `AuthDocument`. Pure.

Docker's `config.json` (docker/cli `cli/config/configfile`), its environment variable DOCKER_AUTH_CONFIG, and
`containers-auth.json(5)`, whose keys may name repositories too. One bad entry is no reason to lose the others.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crfs_dav.errors import BadName, Corrupt
from crfs_dav.names import Registry, parse_registry
from crfs_dav.registry.credentials.secret import IdentityToken, Login, RegistryToken, Secret

_LEGACY_KEY = re.compile(r"(?:https?://)?([^/]+)(?:/v[12]/?)?/?")  # `https://index.docker.io/v1/`
_SUFFIX = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Helper:
    """A program `docker-credential-<suffix>`, and the name that it knows a registry by; empty: the usual one."""

    suffix: str
    server: str = ""


@dataclass(frozen=True)
class AuthDocument:
    """What a document says. Keys are a registry and the start of a repository's name, mostly empty."""

    secrets: Mapping[tuple[Registry, str], Secret] = field(default_factory=dict)
    helpers: Mapping[Registry, Helper] = field(default_factory=dict)
    store: Helper | None = None  # asked for every registry that has no helper of its own
    problems: tuple[str, ...] = ()  # entries that make no sense, by key; no secrets in it

    def secret(self, registry: Registry, name: str) -> Secret | None:
        """The secret whose key fits `name` closest."""
        places = ((registry, prefix) for prefix in _prefixes(name))
        return next((self.secrets[place] for place in places if place in self.secrets), None)


def parse_auth_document(text: bytes) -> AuthDocument:
    """What `text` says, its senseless entries told apart; raises Corrupt where it is no such document at all."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Corrupt("no JSON; expected an object with auths, credHelpers or credsStore") from None
    if not isinstance(document, dict):
        raise Corrupt("no JSON object; expected one with auths, credHelpers or credsStore")
    problems: list[str] = []
    secrets = dict(_secrets(_mapping(document, "auths", problems), problems))
    helpers = dict(_helpers(_mapping(document, "credHelpers", problems), problems))
    return AuthDocument(secrets, helpers, _store(document.get("credsStore"), problems), tuple(problems))


def _mapping(document: dict[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    value = document.get(key)
    if isinstance(value, dict | None) and len(value or {}) <= _ENTRIES:
        return value or {}
    problems.append(f"{key}: {type(value).__name__}; expected an object of at most {_ENTRIES} entries")
    return {}


def _secrets(auths: dict[str, Any], problems: list[str]) -> Iterator[tuple[tuple[Registry, str], Secret]]:
    for key, entry in auths.items():
        place = _place(key)
        if place is None:
            continue  # a name that cannot be a registry of ours: nothing that we would miss
        try:
            secret = _secret(entry)
        except Corrupt as error:
            problems.append(f"auths: {_shown(key)}: {error}")
            continue
        if secret is not None:
            yield place, secret


def _place(key: str) -> tuple[Registry, str] | None:
    legacy = _LEGACY_KEY.fullmatch(key) or (re.match(r"https?://([^/]+)", key) if "://" in key else None)
    host, _, prefix = (legacy[1], "", "") if legacy else key.partition("/")
    try:
        return parse_registry(host), prefix.strip("/")
    except BadName:
        return None


def _secret(entry: Any) -> Secret | None:
    """The secret of one entry; None for an empty one, which says: see the store. Raises Corrupt."""
    if not isinstance(entry, dict):
        raise Corrupt(f"{type(entry).__name__}; expected an object")
    values = {key: entry.get(key) or "" for key in _ENTRY_KEYS}
    for key, value in values.items():
        if not isinstance(value, str):
            raise Corrupt(f"{key}: {type(value).__name__}; expected text")
    user, password = _pair(values["auth"]) if values["auth"] else (values["username"], values["password"])
    if values["registrytoken"]:
        return RegistryToken(values["registrytoken"])
    if values["identitytoken"]:
        return IdentityToken(values["identitytoken"], user)
    if not user and not password:
        return None
    if not user or not password:
        raise Corrupt("half of user and password; expected both")
    return Login(user, password)


_ENTRY_KEYS = ("auth", "username", "password", "identitytoken", "registrytoken")


def _pair(auth: str) -> tuple[str, str]:
    try:
        text = b64decode(auth, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        raise Corrupt("auth: no base64; expected that of user:password") from None
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise Corrupt("auth: no user and password in it; expected base64 of user:password")
    return user, password.strip("\0")


def _helpers(named: dict[str, Any], problems: list[str]) -> Iterator[tuple[Registry, Helper]]:
    for key, suffix in named.items():
        place = _place(key)
        if not _is_suffix(suffix):
            problems.append(f"credHelpers: {_shown(key)}: no name of a helper; expected the end of docker-credential-")
        elif place is not None and suffix:
            yield place[0], Helper(suffix, key)


def _store(suffix: Any, problems: list[str]) -> Helper | None:
    if suffix is not None and not _is_suffix(suffix):
        problems.append("credsStore: no name of a helper; expected the end of docker-credential-")
        return None
    return Helper(suffix) if suffix else None


def _is_suffix(suffix: Any) -> bool:
    return isinstance(suffix, str) and (suffix == "" or _SUFFIX.fullmatch(suffix) is not None)


def _prefixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition("/")[0]
    yield ""


def _shown(key: str) -> str:
    """`key` for a log, without what a URL may hold before an `@`."""
    text = key.rpartition("@")[2][:100]
    return "".join(character if character.isprintable() else "?" for character in text)
