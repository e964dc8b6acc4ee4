"""A token server as registries of the distribution project want one: signed tokens for what its user may do.

distribution `docs/spec/auth/jwt.md`: a JWT, RS256, with the certificate of its key in the header.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crfs_dav.demo.exchange import Answer, Request, json_answer, refuse
from crfs_dav.demo.listener import Listener
from tests.support.authority import Identity

SERVICE, ISSUER = "tests-registry", "tests-token-server"
_LEEWAY_SECONDS = 60  # for which docker-registry takes a token that has expired


class TokenServer:
    """Gives tokens for one user, and for the repositories that this user may pull; a context manager."""

    def __init__(self, signer: Identity, *, basic: str, repositories: frozenset[str]) -> None:
        self.seconds = 300  # that tokens are said to live
        self.real_seconds = 300  # that the registry takes them for
        self.given: list[str] = []
        self.requests: list[Request] = []
        self._signer = signer
        self._basic = basic
        self._repositories = repositories
        self._listener = Listener(self._serve)

    def __enter__(self) -> TokenServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        """What the registry names as its realm."""
        return f"http://{self._listener.host}/token"

    def _serve(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.headers.get("Authorization") != self._basic:
            return refuse(401, "UNAUTHORIZED", "wrong user or password")
        asked = " ".join(request.query.get("scope", ())).split()
        self.given.append(self._token([access for scope in asked if (access := self._granted(scope))]))
        return json_answer({"token": self.given[-1], "expires_in": self.seconds})

    def _granted(self, scope: str) -> Mapping[str, Any] | None:
        kind, name, actions = scope.split(":")
        may = kind == "registry" or name in self._repositories
        return {"type": kind, "name": name, "actions": actions.split(",")} if may else None

    def _token(self, access: list[Mapping[str, Any]]) -> str:
        now = int(time.time())
        end = now + self.real_seconds - (_LEEWAY_SECONDS if self.real_seconds < _LEEWAY_SECONDS else 0)
        names = {"iss": ISSUER, "aud": SERVICE, "sub": "me", "jti": secrets.token_hex(8)}
        claims = names | {"iat": now - 120, "nbf": now - 120, "exp": end, "access": access}
        header = {"typ": "JWT", "alg": "RS256", "x5c": [_der(self._signer.certificate)]}
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        return f"{signed}.{_encoded(_signature(self._signer.key, signed.encode()))}"


def _signature(key: Path, data: bytes) -> bytes:
    command = ["openssl", "dgst", "-sha256", "-sign", str(key)]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=30).stdout


def _der(certificate: Path) -> str:
    lines = certificate.read_text().splitlines()
    text = "".join(line for line in lines if not line.startswith("-"))
    assert b64decode(text)
    return text


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
