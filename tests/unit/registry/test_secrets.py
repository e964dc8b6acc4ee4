"""Passwords, tokens and signatures: what is sent where, and that nothing of it is ever written down."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable

import pytest

from crfs_dav.demo.exchange import Answer, Request, json_answer, part
from crfs_dav.errors import CrfsError
from crfs_dav.names import digest_of, parse_reference
from crfs_dav.oci import OCI_MANIFEST, Descriptor
from crfs_dav.registry.credentials.secret import Login
from crfs_dav.registry.settings import RegistrySettings
from tests.support.scripted import Script, Scripted
from tests.unit.registry.conftest import OpenClient

PASSWORD, TOKEN, SIGNATURE = "hunter2-password", "tok-abcdef123456", "sig-0123456789"
BASIC = "bWU6aHVudGVyMi1wYXNzd29yZA=="
SECRETS = (PASSWORD, TOKEN, SIGNATURE, BASIC)
DATA = b"content of the blob"


class Private:
    """A registry behind tokens whose blobs lie at signed URLs; `refusing` makes every last step fail, loudly."""

    def __init__(self) -> None:
        self.refusing = False
        self.storage_url = ""

    def registry(self, request: Request) -> Answer:
        authorization = request.headers.get("Authorization", "")
        if request.path == "/token":
            return json_answer({"token": TOKEN}) if authorization == f"Basic {BASIC}" else Answer(401)
        if authorization != f"Bearer {TOKEN}":
            return Answer(401, {"WWW-Authenticate": 'Bearer realm="/token"'})
        if self.refusing:
            return _echo(403, authorization)
        if "/blobs/" in request.path:
            return Answer(307, {"Location": f"{self.storage_url}/b?X-Amz-Signature={SIGNATURE}"})
        return Answer(200, {"Docker-Content-Digest": str(digest_of(b"")), "Content-Type": OCI_MANIFEST})

    def storage(self, request: Request) -> Answer:
        if self.refusing:
            return _echo(403, f"{self.storage_url}/b?X-Amz-Signature={SIGNATURE}")
        assert request.range is not None
        return part(DATA, {}, request.range)


def _echo(status: int, text: str) -> Answer:
    return Answer(status, {}, json.dumps({"errors": [{"code": "DENIED", "message": f"not with {text}"}]}).encode())


def _text_of(failing: Callable[[], object]) -> str:
    """What the log of an unforeseen error would show."""
    with pytest.raises(CrfsError) as caught:
        failing()
    return "".join(traceback.format_exception(caught.value))


@pytest.fixture
def private() -> Private:
    return Private()


@pytest.fixture
def servers(private: Private, scripted: Callable[[Script], Scripted]) -> tuple[Scripted, Scripted]:
    storage = scripted(private.storage)
    private.storage_url = storage.url
    return scripted(private.registry), storage


def test_no_log_record_and_no_error_holds_a_secret(
    private: Private,
    servers: tuple[Scripted, Scripted],
    client_of: OpenClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server, storage = servers
    client = client_of(server.host, credentials=lambda *_: Login("me", PASSWORD))
    reference = parse_reference(f"{server.host}/a:v1")
    blob = client.blob(reference.repository, Descriptor("", digest_of(DATA), len(DATA)))

    client.resolve(reference)
    assert blob.read_at(0, 100) == DATA
    texts: list[str] = []
    private.refusing = True
    texts += [_text_of(lambda: client.resolve(reference)), _text_of(lambda: blob.read_at(0, 5))]
    texts.append(_text_of(lambda: list(client.tags(reference.repository))))
    storage.__exit__()
    server.__exit__()
    texts += [_text_of(lambda: client.resolve(reference)), _text_of(lambda: blob.read_at(0, 5))]

    ours = [record for record in caplog.records if not record.name.startswith("crfs_dav.demo")]
    written = [record.getMessage() for record in ours] + texts
    assert any("/v2/a/manifests/v1" in text for text in written)
    assert any(text.startswith("http") and "/b?... " in text for text in written)
    assert [text for text in written if any(secret in text for secret in SECRETS)] == []


def test_secrets_go_where_they_belong_only(servers: tuple[Scripted, Scripted], client_of: OpenClient) -> None:
    server, storage = servers
    client = client_of(server.host, credentials=lambda *_: Login("me", PASSWORD))
    repository = parse_reference(f"{server.host}/a:v1").repository

    client.blob(repository, Descriptor("", digest_of(DATA), len(DATA))).read_at(0, 5)

    seen = [(request.path[:6], request.headers.get("Authorization")) for request in server.requests]
    assert seen == [("/v2/a/", None), ("/token", f"Basic {BASIC}"), ("/v2/a/", f"Bearer {TOKEN}")]
    assert [request.headers.get("Authorization") for request in storage.requests] == [None]


def test_settings_show_no_credentials() -> None:
    logins = {"registry": Login("me", PASSWORD)}

    assert PASSWORD not in repr(RegistrySettings(credentials=lambda *_: logins["registry"])) + repr(logins)
