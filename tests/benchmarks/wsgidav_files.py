"""WsgiDAV's FilesystemProvider under cheroot, as WsgiDAV itself starts it: `wsgidav_files.py FOLDER HOST:PORT`."""

from __future__ import annotations

import sys

from cheroot import wsgi
from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

_THREADS = 50  # WsgiDAV's own choice, `server_cli.py`


def main(folder: str, address: str) -> None:
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
    host, _, port = address.partition(":")
    wsgi.Server((host, int(port)), app, numthreads=_THREADS).safe_start()


if __name__ == "__main__":
    main(*sys.argv[1:])
