"""How the demo registry speaks: the lawful and the half lawful habits of registries, as switches.

Each habit is one that some registry has; see the comment at each switch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from crfs_dav.demo.exchange import Answer, Request, refuse
from crfs_dav.demo.listings import OwnListing

Serve = Callable[[Request], Answer]

_CATALOG = re.compile("/v2/_catalog")
_MANIFEST = re.compile("/v2/.+/manifests/.+")
_BLOB = re.compile("/v2/.+/blobs/.+")
_LIST = re.compile("/v2/_catalog|/v2/.+/tags/list")


@dataclass(frozen=True, slots=True)
class Dialect:
    """A registry's habits; the defaults are those of the distribution specification at its best."""

    schemes: tuple[str, ...] = ()  # "Basic", "Bearer": any of them opens; both stand in one header (Codeberg)
    challenges: Literal["always", "ping", "never"] = "always"  # "ping": only /v2/ names the schemes (gcr.io)
    user: str = "user"
    password: str = "secret"
    anonymous_tokens: bool = True  # a token without a password, as for public repositories
    denied_repositories: frozenset[str] = frozenset()  # no token opens these
    token_key: Literal["token", "access_token"] = "token"
    token_seconds: float = 300
    identity_token: str = ""  # by POST: it is a password, and each answer gives out the next one (ACR)
    tells_expiry: bool = True  # False: no expires_in (GHCR), which means 60 seconds
    redirects_blobs: bool = False  # to a signed URL of another server (distribution on S3, GCS, Azure)
    signature_seconds: float = 1200
    catalog_status: int = 200  # 401 or 404: no catalog to be had (Docker Hub)
    listing: OwnListing = ""  # an API of its own to list repositories, besides the catalog
    heads_manifests: bool = True  # False: 405
    digest_header: bool = True  # False: no Docker-Content-Digest
    content_type: str = ""  # instead of each manifest's own (static registries)
    content_encoding: str = ""  # a label on blobs that are not encoded
    # "absolute", and pages that claim to be text (ECR); "elsewhere": on another host (an attack);
    # "loop": each page names itself as the next (GHCR, once); "broken": the second page never comes
    paging: Literal["relative", "absolute", "elsewhere", "loop", "broken"] = "relative"


def speak(dialect: Dialect, request: Request, serve: Serve) -> Answer:
    """The answer of `serve` as a registry with these habits gives it."""
    if dialect.paging == "broken" and _LIST.fullmatch(request.path) and request.asked("last"):
        return refuse(500, "UNKNOWN", "something broke")
    if dialect.catalog_status != 200 and _CATALOG.fullmatch(request.path):
        return refuse(dialect.catalog_status, "UNSUPPORTED", "the catalog is not for you")
    if not dialect.heads_manifests and request.method == "HEAD" and _MANIFEST.fullmatch(request.path):
        return refuse(405, "UNSUPPORTED", "HEAD: expected GET")
    return _relabelled(dialect, request, serve(request))


def _relabelled(dialect: Dialect, request: Request, answer: Answer) -> Answer:
    if answer.status >= 300:
        return answer
    headers = dict(answer.headers)
    if not dialect.digest_header:
        headers.pop("Docker-Content-Digest", None)
    if dialect.content_type and _MANIFEST.fullmatch(request.path):
        headers["Content-Type"] = dialect.content_type
    if dialect.content_encoding and _BLOB.fullmatch(request.path):
        headers["Content-Encoding"] = dialect.content_encoding
    if _LIST.fullmatch(request.path):
        headers |= _PAGING[dialect.paging](request, headers)
    return replace(answer, headers=headers)


def _at(host: str, headers: dict[str, str]) -> dict[str, str]:
    return {"Link": headers["Link"].replace("</", f"<http://{host}/", 1)} if "Link" in headers else {}


def _absolute(request: Request, headers: dict[str, str]) -> dict[str, str]:
    return {**_at(request.headers["Host"], headers), "Content-Type": "text/plain; charset=utf-8"}


_PAGING: dict[str, Callable[[Request, dict[str, str]], dict[str, str]]] = {
    "relative": lambda request, headers: {},
    "absolute": _absolute,
    "broken": lambda request, headers: {},
    "elsewhere": lambda request, headers: _at("127.0.0.2:1", headers),
    "loop": lambda request, headers: {"Link": f'<{request.path}?n=1>; rel="next"'},
}
