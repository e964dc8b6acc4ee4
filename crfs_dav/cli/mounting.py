"""How each operating system mounts the share."""

from __future__ import annotations

from collections.abc import Iterator

_LINES = (
    ("Linux", "sudo mount -t davfs -o ro {url} /mnt"),
    ("GNOME", "gio mount dav://{host}:{port}/"),
    ("macOS", "mkdir -p ~/crfs && mount_webdav -S {url} ~/crfs"),
    ("Windows", "net use Z: {url}"),
    ("any", "rclone mount --read-only :webdav: DIR --webdav-url {url}"),
)


def mount_lines(host: str, port: int) -> Iterator[tuple[str, str]]:
    """Pairs of system and command line for a server at `host` and `port`."""
    url = f"http://{host}:{port}/"
    for system, line in _LINES:
        yield system, line.format(url=url, host=host, port=port)
