"""Names that operating systems ask for in every directory: never an image, and never worth a request."""

from __future__ import annotations

_PROBES = frozenset(
    {
        # macOS: Finder, Spotlight, Time Machine (files that begin with ._ as well)
        ".ds_store",
        ".hidden",
        ".localized",
        ".metadata_never_index",
        ".metadata_never_index_unless_rootfs",
        ".spotlight-v100",
        ".trashes",
        ".fseventsd",
        "backups.backupdb",
        "contents",
        "mach_kernel",
        # Windows: Explorer, AutoPlay, thumbnails
        "autorun.inf",
        "desktop.ini",
        "folder.gif",
        "folder.jpg",
        "thumbs.db",
        "ehthumbs.db",
        # Linux desktops
        ".directory",
        ".trash",
        ".xdg-volume-info",
        "autorun.sh",
        ".autorun",
    }
)


def is_probe(name: str) -> bool:
    """True if `name` is asked for by a system, not by a person."""
    return name.startswith(("._", ".Trash-")) or name.lower() in _PROBES
