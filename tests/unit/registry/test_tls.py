"""Whom to believe at which host, and what to show there; against servers that speak TLS."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from crfs_dav.errors import Unavailable
from crfs_dav.registry.deadline import Clock, Deadline
from crfs_dav.registry.session import HttpRequest, HttpSession
from crfs_dav.registry.settings import RegistrySettings, Tls
from crfs_dav.registry.tls import TlsContexts
from tests.support.greeter import Greeter, server_tls
from tests.unit.registry.conftest import Greet


@dataclass
class Secure:
    """A server with TLS that takes one request a connection and says 204."""

    context: ssl.SSLContext
    certificate: Path
    shown: list[object]

    def __call__(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            self.shown.append(secure.getpeercert())
            secure.sendall(b"HTTP/1.1 204 Fine\r\nConnection: close\r\n\r\n")


@pytest.fixture
def secure(tmp_path: Path) -> Secure:
    context, certificate = server_tls(tmp_path)
    return Secure(context, certificate, [])


def _status(server: Greeter, *, port: int | None = None, **settings: object) -> int:
    session = HttpSession(RegistrySettings(**settings), Clock())  # type: ignore[arg-type]
    try:
        with session.send(HttpRequest("GET", f"https://{server.registry}/"), Deadline(5, Clock())) as reply:
            return reply.status
    finally:
        session.close()


def test_ca_of_a_registry_is_believed_there(secure: Secure, greeter: Greet) -> None:
    server = greeter(secure)

    assert _status(server, tls={server.registry: Tls(ca_bundle=secure.certificate)}) == 204


def test_ca_of_a_registry_is_believed_at_its_hosts_other_ports(secure: Secure, greeter: Greet) -> None:
    server, other = greeter(secure), greeter(secure)

    assert _status(server, tls={other.registry: Tls(ca_bundle=secure.certificate)}) == 204


def test_insecure_believes_anyone_at_that_port_alone(secure: Secure, greeter: Greet) -> None:
    server, other = greeter(secure), greeter(secure)
    tls = {server.registry: Tls(is_insecure=True)}

    with pytest.warns(match="Unverified HTTPS"):
        assert _status(server, tls=tls) == 204
    with pytest.raises(Unavailable, match="certificate verify failed"):
        _status(other, tls=tls)


def test_folder_of_certificates_is_a_bundle(secure: Secure, greeter: Greet, tmp_path: Path) -> None:
    server = greeter(secure)
    folder = tmp_path / "certificates"
    folder.mkdir()

    with pytest.raises(Unavailable, match="certificate verify failed"):
        _status(server, tls={server.registry: Tls(ca_bundle=folder)})


def test_client_certificate_is_shown_where_it_is_wanted(secure: Secure, greeter: Greet) -> None:
    secure.context.load_verify_locations(secure.certificate)
    secure.context.verify_mode = ssl.CERT_REQUIRED
    server = greeter(secure)
    key = secure.certificate.with_name("key.pem")
    both = secure.certificate.with_name("both.pem")
    both.write_text(key.read_text() + secure.certificate.read_text())

    for tls in (
        Tls(secure.certificate, client_certificate=secure.certificate, client_key=key),
        Tls(secure.certificate, client_certificate=both),
    ):
        assert _status(server, tls={server.registry: tls}) == 204
    assert all(secure.shown)


@pytest.mark.parametrize(
    ("tls", "text"),
    [
        (Tls(ca_bundle=Path("/nonexistent.pem")), r"CA bundle /nonexistent\.pem: No such file or directory; expected"),
        (Tls(ca_bundle=Path("/dev/null")), "CA bundle /dev/null: not usable; expected certificates in PEM form"),
        (Tls(client_certificate=Path("/nonexistent.pem")), r"client certificate /nonexistent\.pem: No such file"),
        (Tls(client_certificate=Path("/dev/null")), "client certificate /dev/null: not usable; expected a certificate"),
    ],
)
def test_file_that_cannot_be_used_is_named(tls: Tls, text: str, secure: Secure, greeter: Greet) -> None:
    server = greeter(secure)

    with pytest.raises(Unavailable, match=text):
        _status(server, tls={server.registry: tls})


def test_encrypted_key_asks_nobody_for_its_password(secure: Secure, tmp_path: Path, greeter: Greet) -> None:
    import subprocess

    key = tmp_path / "encrypted.pem"
    command = ["openssl", "pkey", "-in", str(tmp_path / "key.pem"), "-aes256", "-passout", "pass:hunter2"]
    subprocess.run([*command, "-out", str(key)], check=True, capture_output=True)
    server = greeter(secure)

    with pytest.raises(Unavailable, match="expected a certificate and its key in PEM form, not encrypted"):
        _status(server, tls={server.registry: Tls(client_certificate=secure.certificate, client_key=key)})


def test_contexts_are_made_once() -> None:
    contexts = TlsContexts(RegistrySettings())

    assert contexts.context("https://a.example/") is contexts.context("https://b.example/v2/")
