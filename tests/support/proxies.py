"""nginx and Caddy as conf/ sets them up: their files with this machine's ports and a certificate made for the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.machine import background, free_port, run, wait_for_port

CONF = Path(__file__).parents[2] / "conf"
_SERVER = "127.0.0.1:8080"


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate for 127.0.0.1 that only its own holder trusts."""

    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """A new certificate in `folder`."""
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    run([*command, *subject, "-days", "2", "-keyout", made.key, "-out", made.certificate])
    return made


@contextmanager
def nginx(server: str, certificate: Certificate, folder: Path) -> Iterator[int]:
    """The port where nginx speaks TLS for the crfs-dav at `server` (host:port)."""
    port = free_port()
    site = (CONF / "nginx.conf").read_text().replace(_SERVER, server)
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("    listen [::]:443 ssl;\n", "")
    site = site.replace("/etc/ssl/certs/files.example.pem", str(certificate.certificate))
    site = site.replace("/etc/ssl/private/files.example.key", str(certificate.key))
    configuration, log = folder / "nginx.conf", folder / "nginx.log"
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}} http {{ access_log off; {paths}\n{site}}}\n"
    )
    run(["nginx", "-t", "-c", configuration])
    with background(["nginx", "-c", configuration], log) as process:
        wait_for_port(port, process, log)
        yield port


@contextmanager
def caddy(server: str, certificate: Certificate, folder: Path) -> Iterator[int]:
    """The port where Caddy speaks TLS for the crfs-dav at `server` (host:port)."""
    port = free_port()
    site = (CONF / "Caddyfile").read_text().replace(_SERVER, server)
    tls = f"\ttls {certificate.certificate} {certificate.key}\n"
    site = site.replace("files.example {\n", f"https://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n{tls}")
    options = f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}/caddy\n}}\n"
    configuration, log = folder / "Caddyfile", folder / "caddy.log"
    configuration.write_text(options + site)
    arguments: list[str | Path] = ["--config", configuration, "--adapter", "caddyfile"]
    run(["caddy", "validate", *arguments])
    with background(["caddy", "run", *arguments], log) as process:
        wait_for_port(port, process, log)
        yield port
