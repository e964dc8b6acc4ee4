"""How each operating system mounts a WebDAV share: the command lines, for the command line and for pages. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from crfs_dav.errors import BadName

# What may stand in a line that people paste into a shell: nothing here means anything to sh or to cmd.exe.
_URL = re.compile(r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%@+-]*)*")


class MountLine(NamedTuple):
    """A command that mounts a share: on which system, and the program that it needs there."""

    system: str
    command: str
    program: str


def mount_lines(url: str) -> Sequence[MountLine]:
    """A line for each system that mounts `url`; raises BadName for one that is not safe to paste."""
    if not _URL.fullmatch(url):
        raise BadName(f"URL: {url[:150]!r}; expected http:// or https://, a host, and a plain path")
    dav = f"dav{url.removeprefix('http')}"
    return (
        MountLine("Linux", f"sudo mount -t davfs -o ro {url} /mnt", "mount.davfs"),
        MountLine("GNOME", f"gio mount {dav}", "gio"),
        MountLine("KDE", f"dolphin web{dav}", "dolphin"),
        MountLine("macOS", f"mkdir -p ~/crfs && mount_webdav -S {url} ~/crfs", "mount_webdav"),
        MountLine("Windows", f"net use Z: {_for_windows(url)}", "net"),
        MountLine("any", f"rclone mount --read-only :webdav: DIR --webdav-url {url}", "rclone"),
    )


def systems_of(platform: str) -> Sequence[str]:
    """Names of the systems that may be at hand where `sys.platform` says `platform`, the usual one first."""
    if platform == "darwin":
        return ("macOS", "any")
    if platform in ("win32", "cygwin"):
        return ("Windows", "any")
    return ("Linux", "GNOME", "KDE", "any")


def _for_windows(url: str) -> str:
    """The Mini-Redirector takes a share without its last slash, but the root with it."""
    return url.rstrip("/") if urlsplit(url).path.strip("/") else url
