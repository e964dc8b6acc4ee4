"""The WSGI application: WsgiDAV with one provider at `/`, and nothing in between.

What WsgiDAV 4.4 would do to a request on its way, and what is done here about it:

- It re-encodes `PATH_INFO` (an exception, and no answer, for bytes that are not UTF-8), resolves `..` and `//` in it,
  and may refuse it: so it sees `/` there, and the provider sees the true path again.
- Its default stack asks for credentials, browses directories, prints errors as HTML and answers 405 without `Allow`:
  so the stack is one step, which calls the provider.
- It costs about as much as cheroot does: so requests that read are answered before it sees them, and it is loaded
  when the first other one comes.
- Its `start_response` logs an error and closes the connection for every answer without `Content-Length`: so the
  provider gets the server's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, cast

from crfs_dav.dav.provider import CrfsProvider
from crfs_dav.readers import ByteStore
from crfs_dav.tree.node import Directory

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PATH_INFO = "crfs_dav.path_info"
_START_RESPONSE = "crfs_dav.start_response"
_READING = frozenset({"GET", "HEAD", "PROPFIND"})


def create_dav_app(root: Directory, *, listings: ByteStore | None = None) -> WSGIApplication:
    """WSGI application that serves `root`, a tree without links, read-only.

    Answers about directories that never change are kept in `listings`.
    """
    provider = CrfsProvider(root, listings)

    @cache
    def wsgidav() -> WSGIApplication:
        return _wsgidav_app(provider)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in _READING:
            environ["wsgidav.provider"] = provider  # WsgiDAV's resources look for it there
            return provider.custom_request_handler(environ, start_response)
        environ[_PATH_INFO] = environ.get("PATH_INFO", "")
        environ[_START_RESPONSE] = start_response
        environ["PATH_INFO"] = "/"
        return wsgidav()(environ, start_response)

    return application


def _wsgidav_app(provider: CrfsProvider) -> WSGIApplication:
    from wsgidav.wsgidav_app import WsgiDAVApp

    config = {
        "provider_mapping": {"/": provider},
        "middleware_stack": [_call_provider],
        "lock_storage": False,
        "property_manager": False,
        "http_authenticator": {"accept_basic": False, "accept_digest": False},
        "hotfixes": {"re_encode_path_info": False},
        "logging": {"enable": False},
        "verbose": 0,
    }
    return cast("WSGIApplication", WsgiDAVApp(config))


def _call_provider(environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    environ["PATH_INFO"] = environ[_PATH_INFO]
    provider: CrfsProvider = environ["wsgidav.provider"]
    return provider.custom_request_handler(environ, environ[_START_RESPONSE])
