"""WsgiDAV's FilesystemProvider under cheroot, as WsgiDAV itself starts it: `wsgidav_files.py FOLDER PORT`."""

from __future__ import annotations

import sys

from cheroot import wsgi
from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

_THREADS = 50  # WsgiDAV's own choice, `server_cli.py`


def main(folder: str, port: str) -> None:
    """Serves `folder` until a signal ends it."""
    provider = FilesystemProvider(folder, readonly=True, fs_opts={"follow_symlinks": True})
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": provider},
            "simple_dc": {"user_mapping": {"*": True}},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )
    wsgi.Server(("127.0.0.1", int(port)), app, numthreads=_THREADS).safe_start()


if __name__ == "__main__":
    main(*sys.argv[1:])
