"""IBM Cloud: all images of the account whose API key is the password of user `iamapikey`.

`GET /api/v1/images` (cloud.ibm.com/apidocs/container-registry) wants an IAM token and the account's id, which that
token holds; the key is changed for one at `iam.cloud.ibm.com`. Built to these documents, not tried.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from crfs_dav.errors import BadName, Corrupt, NotFound
from crfs_dav.names import Registry, parse_reference
from crfs_dav.readers import BytesReader
from crfs_dav.registry.credentials.secret import Credentials, Login
from crfs_dav.registry.listers.lister import Level
from crfs_dav.registry.listing import PAGE_SIZE, linked, walk_pages
from crfs_dav.registry.transport import Call, Transport

IAM_API = "https://iam.cloud.ibm.com"

_USER = "iamapikey"
_DOMAIN = "icr.io"
_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_TOKEN_LIMIT = 64 << 10  # bytes


class IbmLister:
    """The account's images; its key goes to IBM's own hosts only."""

    page_size = PAGE_SIZE
    has_tags = False

    def __init__(self, credentials: Credentials, iam: str = IAM_API) -> None:
        self._credentials = credentials
        self._iam = iam

    def place(self, name: str) -> str:
        """The registry."""
        return ""

    def level(self, transport: Transport, registry: Registry, place: str) -> Level:
        """All repositories of the account; raises NotFound where its key is not known."""
        login = self._credentials(registry, "")
        is_own = f".{registry.host}".endswith(f".{_DOMAIN}")
        if not is_own or not isinstance(login, Login) or login.user != _USER:
            raise NotFound(f"{registry} lists the images of an account; expected its API key as password of {_USER}")
        token = self._token(transport, registry, login)
        headers = {"Authorization": f"Bearer {token}", "Account": _account(token)}
        call = Call(registry, "", "", headers=headers, location="/api/v1/images?includeIBM=false")
        pages = walk_pages(transport, call, linked(None))
        return Level(name for page in pages for image in page.items for name in _names(image, registry))

    def _token(self, transport: Transport, registry: Registry, login: Login) -> str:
        form = BytesReader(urlencode({"grant_type": _GRANT, "apikey": login.password}).encode())
        url = f"{self._iam}/identity/token"
        call = Call(registry, "", "", method="POST", headers=_FORM, location=url, body=form)
        reply, body = transport.fetch(call, _TOKEN_LIMIT, transport.deadline())
        token = _object(body, reply.what).get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Corrupt(f"{reply.what}: no access_token; expected one")
        return token


def _account(token: str) -> str:
    """Id of the account that an IAM token, a JWT, is for; its signature is IBM's own business."""
    what = "IAM token"
    try:
        claims = token.split(".")[1]
        account = _object(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), what)["account"]["bss"]
    except (LookupError, TypeError, ValueError):
        raise Corrupt(f"{what}: no account in it; expected one") from None
    if not isinstance(account, str) or not account.isalnum():
        raise Corrupt(f"{what}: no id of an account in it; expected one")
    return account


def _names(image: Any, registry: Registry) -> Iterator[str]:
    """Repositories that an image is in, as its tags and digests say."""
    for key in ("RepoTags", "RepoDigests"):
        texts = image.get(key) if isinstance(image, dict) else None
        for text in texts if isinstance(texts, list) else ():
            try:
                repository = parse_reference(str(text)).repository
            except BadName:
                continue
            if repository.registry == registry:
                yield repository.name


def _object(document: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(document)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Corrupt(f"{what}: no JSON object; expected one")
    return value
