"""Real docker-registry behind every kind of login, and where people keep what opens it.

Anonymous http; passwords over TLS of a private authority that asks for a client certificate too; signed tokens of
seconds. The passwords lie in our own configuration, where `skopeo login` put them, and with a credential helper.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import file, tar_of
from tests.support.authority import Identity, issue, new_authority
from tests.support.dav import DavClient
from tests.support.machine import run
from tests.support.process import ServeProcess, run_cli, serving
from tests.support.real_registry import RealRegistry, real_registry
from tests.support.token_server import ISSUER, SERVICE, TokenServer

USER, PASSWORD = "me", "hunter2-correct-horse"
BASIC = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CONTENT = b"root:x:0:0:root:/root:/bin/sh\n"
REPOSITORIES = ("my/image", "my/secret")


@dataclass
class Logins:
    """Registries that hold the same images, each with its own way of letting people in."""

    folder: Path
    authority: Identity
    client: Identity
    anonymous: RealRegistry
    guarded: RealRegistry
    tokened: RealRegistry
    tokens: TokenServer

    @property
    def tls(self) -> dict[str, str]:
        """Options of the guarded registry."""
        return {
            "ca_bundle": str(self.authority.certificate),
            "client_certificate": str(self.client.certificate),
            "client_key": str(self.client.key),
        }

    @contextmanager
    def serving(self, host: str, options: Mapping[str, Any], **environment: str) -> Iterator[ServeProcess]:
        """A server for `host` that says all it does."""
        config = self.config(host, options)
        env = {"HOME": str(self.folder / "nobody"), **environment}
        with serving("--config", str(config), "-vv", env=env) as server:
            yield server
            _check_no_secret(server.log.read_text(), self.tokens)

    def config(self, host: str, options: Mapping[str, Any]) -> Path:
        """Settings that remember nothing between two questions."""
        path = self.folder / f"{host.rpartition(':')[2]}.yaml"
        nothing = {"disk_bytes": 0, "spool_bytes": 1 << 20, "index_bytes": 0, "directory": str(self.folder / "cache")}
        path.write_text(json.dumps({"registries": {host: options}, "tag_ttl_seconds": 0, "cache": nothing}))
        return path


@pytest.fixture(scope="module")
def logins(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logins]:
    folder = tmp_path_factory.mktemp("logins")
    (folder / "nobody").mkdir()
    authority = new_authority(folder, "authority")
    server = issue(authority, folder, "server", usage="serverAuth")
    client = issue(authority, folder, "client", usage="clientAuth")
    signer = new_authority(folder, "signer")
    hashed = run(["perl", "-e", f"print crypt('{PASSWORD}', q($2b$05$abcdefghijklmnopqrstuu))"])
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    tls = {"certificate": server.certificate, "key": server.key, "clientcas": [str(authority.certificate)]}
    with ExitStack() as stack:
        tokens = stack.enter_context(
            TokenServer(signer, basic=f"Basic {BASIC}", repositories=frozenset(REPOSITORIES[:1]))
        )
        anonymous = stack.enter_context(real_registry(folder))
        _push(anonymous, folder)
        passwords = {"htpasswd": {"realm": "tests", "path": folder / "htpasswd"}}
        guarded = stack.enter_context(real_registry(folder, auth=passwords, http={"tls": tls}, name="guarded"))
        realm = {"realm": tokens.url, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": signer.certificate}
        tokened = stack.enter_context(real_registry(folder, auth={"token": realm}, name="tokened"))
        yield Logins(folder, authority, client, anonymous, guarded, tokened, tokens)
        for log in (anonymous.log, guarded.log, tokened.log):
            _check_no_secret(log.read_text(), tokens)


def _push(registry: RealRegistry, folder: Path) -> None:
    layout = folder / "layout"
    run(["umoci", "init", "--layout", layout])
    run(["umoci", "new", "--image", f"{layout}:v1"])
    (folder / "layer.tar").write_bytes(tar_of(file("passwd", CONTENT)))
    run(["umoci", "raw", "add-layer", "--image", f"{layout}:v1", folder / "layer.tar"])
    for repository in REPOSITORIES:
        registry.push(layout, "v1", repository)


def _check_no_secret(text: str, tokens: TokenServer) -> None:
    secrets = [PASSWORD, BASIC, *tokens.given, *(token.rpartition(".")[2] for token in tokens.given)]
    assert [secret for secret in secrets if secret in text] == []


def _read(server: ServeProcess, host: str, repository: str = "my/image") -> bytes:
    answer = DavClient(*server.address).get(f"/images/{host}/{repository}/v1/passwd")
    assert answer.status == 200, (answer.status, answer.body, server.log.read_text()[-3000:])
    return answer.body


def _refused(server: ServeProcess, host: str, tokens: TokenServer, repository: str = "my/image") -> int:
    answer = DavClient(*server.address).get(f"/images/{host}/{repository}/v1/passwd")
    _check_no_secret(answer.body.decode() + str(answer.headers), tokens)
    return answer.status


def test_anonymous_registry_over_http(logins: Logins) -> None:
    host = logins.anonymous.host
    with logins.serving(host, {}) as server:
        assert _read(server, host) == CONTENT


def test_password_of_skopeo_login_over_tls_with_a_client_certificate(logins: Logins, tmp_path: Path) -> None:
    host, authfile = logins.guarded.host, tmp_path / "auth.json"
    _skopeo_login(logins, authfile, tmp_path)
    assert BASIC in authfile.read_text()

    with logins.serving(host, logins.tls, REGISTRY_AUTH_FILE=str(authfile)) as server:
        assert _read(server, host) == CONTENT


def _skopeo_login(logins: Logins, authfile: Path, folder: Path) -> None:
    certificates = folder / "certificates"
    certificates.mkdir()
    (certificates / "ca.crt").write_bytes(logins.authority.certificate.read_bytes())
    (certificates / "client.cert").write_bytes(logins.client.certificate.read_bytes())
    (certificates / "client.key").write_bytes(logins.client.key.read_bytes())
    where: list[str | Path] = ["--authfile", authfile, "--cert-dir", certificates]
    run(["skopeo", "login", *where, "--username", USER, "--password-stdin", logins.guarded.host], stdin=PASSWORD)


def test_password_of_a_credential_helper_that_docker_config_names(logins: Logins, tmp_path: Path) -> None:
    host = logins.guarded.host
    helper = tmp_path / "docker-credential-tests"
    said = json.dumps({"ServerURL": host, "Username": USER, "Secret": PASSWORD})
    helper.write_text(f'#!/bin/sh\n[ "$1" = get ] && [ "$(cat)" = {host} ] && echo \'{said}\'\n')
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {}}, "credsStore": "tests"}))
    environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}

    with logins.serving(host, logins.tls, **environment) as server:
        assert _read(server, host) == CONTENT


@pytest.mark.parametrize("left_out", ["ca_bundle", "client_certificate"])
def test_half_of_the_certificates_is_not_enough(logins: Logins, left_out: str) -> None:
    host = logins.guarded.host
    options = {key: value for key, value in logins.tls.items() if key != left_out}
    if left_out == "client_certificate":
        del options["client_key"]

    with logins.serving(host, options, DOCKER_AUTH_CONFIG=_docker_auth(host)) as server:
        assert _refused(server, host, logins.tokens) == 503


def test_insecure_registry_is_read_and_said_loudly(logins: Logins) -> None:
    host = logins.guarded.host
    options = {key: value for key, value in logins.tls.items() if key != "ca_bundle"} | {"insecure": True}

    with logins.serving(host, options, DOCKER_AUTH_CONFIG=_docker_auth(host)) as server:
        assert _read(server, host) == CONTENT
        assert f"registry {host}: INSECURE" in server.log.read_text()


def test_wrong_password_is_refused(logins: Logins) -> None:
    host = logins.guarded.host
    with logins.serving(host, logins.tls, DOCKER_AUTH_CONFIG=_docker_auth(host, "wrong")) as server:
        assert _refused(server, host, logins.tokens) in (403, 404)


def _docker_auth(host: str, password: str = PASSWORD) -> str:
    return json.dumps({"auths": {host: {"auth": b64encode(f"{USER}:{password}".encode()).decode()}}})


@pytest.fixture
def account(logins: Logins, tmp_path: Path) -> dict[str, str]:
    """Options of the registry with tokens."""
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    path.chmod(0o600)
    return {"scheme": "http", "username": USER, "password_file": str(path)}


def test_token_opens_what_it_is_for_and_nothing_else(logins: Logins, account: dict[str, str]) -> None:
    host = logins.tokened.host
    with logins.serving(host, account) as server:
        assert _read(server, host) == CONTENT
        assert _refused(server, host, logins.tokens, "my/secret") in (403, 404)
    assert all("hunter2" not in str(request.query) for request in logins.tokens.requests)


@pytest.mark.parametrize(
    ("told", "real"), [(2, 300), (300, 2)], ids=["as the token server says", "before the token server says"]
)
def test_tokens_of_seconds_are_renewed(logins: Logins, account: dict[str, str], told: int, real: int) -> None:
    host = logins.tokened.host
    logins.tokens.seconds, logins.tokens.real_seconds = told, real
    try:
        with logins.serving(host, account) as server:
            _read(server, host)
            given = len(logins.tokens.given)
            for _ in range(2000):
                assert _read(server, host) == CONTENT
                if len(logins.tokens.given) > given:
                    break
            assert len(logins.tokens.given) > given
    finally:
        logins.tokens.seconds = logins.tokens.real_seconds = 300


def test_login_check_tells_how_and_shows_nothing(logins: Logins, account: dict[str, str]) -> None:
    host = logins.tokened.host
    config = logins.config(host, account)

    done = run_cli("login-check", f"{host}/my/image", "--config", str(config), "--json")

    said = json.loads(done.stdout)
    assert (done.returncode, said["answer"]["state"]) == (0, "accepted")
    assert said["challenges"] == [f"Bearer {logins.tokens.url}"]
    assert said["credentials"] == {
        "source": f"configuration, file {account['password_file']}",
        "kind": "password",
        "user": USER,
    }
    assert said["listing"]["first"] == list(REPOSITORIES)
    _check_no_secret(done.stdout + done.stderr, logins.tokens)


def test_all_that_was_logged_here_holds_no_secret(logins: Logins, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    host = logins.guarded.host
    with logins.serving(host, logins.tls, DOCKER_AUTH_CONFIG=_docker_auth(host)) as server:
        _read(server, host)
        _refused(server, host, logins.tokens, "my/nothing")
        said = server.log.read_text()

    assert f"GET https://{host}/v2/my/image/blobs/" in said
    _check_no_secret(said + caplog.text, logins.tokens)
