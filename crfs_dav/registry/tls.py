"""TLS contexts: whom to believe, and what to show, by the host and port that a request goes to. Each is made once."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path

import certifi
from urllib3.util.ssl_ import create_urllib3_context

from crfs_dav.errors import Unavailable
from crfs_dav.registry.settings import RegistrySettings, Tls
from crfs_dav.registry.urls import origin


class TlsContexts:
    """Contexts as the settings want them, for any thread."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._everybodys = settings.ca_bundle
        self._by_place = {origin(f"https://{registry.api_host}")[1:]: tls for registry, tls in settings.tls.items()}
        self._lock = threading.Lock()
        self._made: dict[Tls, ssl.SSLContext] = {}

    def context(self, url: str) -> ssl.SSLContext:
        """The context for a request to `url`; raises Unavailable where a file that it needs is missing or wrong."""
        tls = self._tls(url)
        with self._lock:
            if tls not in self._made:
                self._made[tls] = self._make(tls)
            return self._made[tls]

    def _tls(self, url: str) -> Tls:
        """The settings of the registry there; of one at another port of the same host, its authorities."""
        _, host, port = origin(url)
        exact = self._by_place.get((host, port))
        if exact is not None:
            return exact
        bundles = [tls.ca_bundle for (other, _), tls in self._by_place.items() if other == host and tls.ca_bundle]
        return Tls(ca_bundle=bundles[0]) if bundles else Tls()

    def _make(self, tls: Tls) -> ssl.SSLContext:
        context = create_urllib3_context()
        if tls.is_insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            _trust_everybodys(context)
            for bundle in filter(None, (self._everybodys, tls.ca_bundle)):
                _trust(context, bundle)
        if tls.client_certificate is not None:
            _show(context, tls.client_certificate, tls.client_key)
        return context


def _trust_everybodys(context: ssl.SSLContext) -> None:
    """The authorities that the environment names; where it names none, the system's and those of certifi."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    named = next(filter(None, map(os.environ.get, names)), None)
    if named is not None:
        _trust(context, Path(named))
        return
    context.load_default_certs()
    context.load_verify_locations(certifi.where())


def _trust(context: ssl.SSLContext, bundle: Path) -> None:
    path = bundle.expanduser()
    try:
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(path)
    except OSError as error:
        raise Unavailable(f"CA bundle {path}: {_reason(error)}; expected certificates in PEM form") from None


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate.expanduser(), key.expanduser() if key else None, password=_no_password)
    except OSError as error:
        wanted = "a certificate and its key in PEM form, not encrypted"
        raise Unavailable(f"client certificate {certificate}: {_reason(error)}; expected {wanted}") from None


def _no_password() -> str:
    """Nothing, instead of a question on the terminal."""
    return ""


def _reason(error: OSError) -> str:
    return "not usable" if isinstance(error, ssl.SSLError) else error.strerror or type(error).__name__
