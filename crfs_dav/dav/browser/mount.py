"""How to mount the very address that the reader came by, ready to copy."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from crfs_dav.dav.request import Request
from crfs_dav.errors import BadName
from crfs_dav.mounting import mount_lines


def mount_help(request: Request) -> Iterator[str]:
    """The section; nothing where the request names an address that no one should paste into a shell."""
    try:
        lines = mount_lines(f"{request.origin}{request.mount.rstrip('/')}/")
    except BadName:
        return
    yield '<section class="card"><h2>Mount this</h2><p class="note">Click a line to select it, then copy.</p><dl>\n'
    for line in lines:
        yield f'<dt>{escape(line.system)}</dt><dd><code class="copy">{escape(line.command)}</code></dd>\n'
    yield "</dl></section>\n"
