"""A private certificate authority, made with openssl: certificates for servers and clients, and signatures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.machine import run

_NEW_KEY = ["-newkey", "rsa:2048", "-nodes"]


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path


def new_authority(folder: Path, name: str) -> Identity:
    """An authority that signed itself."""
    made = Identity(folder / f"{name}.crt", folder / f"{name}.key")
    subject = ["-subj", f"/CN={name}", "-days", "2", "-addext", "keyUsage=critical,keyCertSign,digitalSignature"]
    run(["openssl", "req", "-x509", *_NEW_KEY, *subject, "-keyout", made.key, "-out", made.certificate])
    return made


def issue(authority: Identity, folder: Path, name: str, *, usage: str) -> Identity:
    """A certificate for 127.0.0.1, signed by `authority`; `usage` is serverAuth or clientAuth."""
    made = Identity(folder / f"{name}.crt", folder / f"{name}.key")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName=IP:127.0.0.1\nextendedKeyUsage={usage}\n")
    run(["openssl", "req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request])
    signed_by: list[str | Path] = ["-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial"]
    run(
        [
            "openssl",
            "x509",
            "-req",
            "-in",
            request,
            *signed_by,
            "-days",
            "2",
            "-extfile",
            extensions,
            "-out",
            made.certificate,
        ]
    )
    return made
