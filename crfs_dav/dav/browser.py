"""A collection as an HTML page for people; WebDAV clients never ask for it.

Names come from archives: all are escaped, kept apart by `bdi` (a name may hold right-to-left marks), and nothing on
the page runs or loads. Links are relative, so that the page works behind any proxy prefix.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape

from crfs_dav.dav.dates import iso_date, seconds_of
from crfs_dav.dav.names import quote
from crfs_dav.dav.response import Header
from crfs_dav.tree.node import Node, is_directory

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--dim:#767676}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.1rem;font-weight:600;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th{text-align:left;color:var(--dim);font-weight:400}
th,td{padding:.25rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
td:first-child{overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
a{text-decoration:none}a:hover,a:focus{text-decoration:underline}
footer{color:var(--dim);margin-top:1.5rem;font-size:.9rem}
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

PAGE_HEADERS: tuple[Header, ...] = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


def page(names: Sequence[str], children: Mapping[str, Node]) -> Iterator[str]:
    """The page of the collection called `names`, in pieces."""
    title = "/" + "/".join(map(_shown, names))
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} – crfs-dav</title><style>{_STYLE}</style></head>\n"
        f'<body><nav aria-label="Path"><h1>{_breadcrumbs(names)}</h1></nav>\n<main><table>\n'
        '<thead><tr><th scope="col">Name</th><th scope="col" class="n">Size</th>'
        '<th scope="col" class="n">Modified (UTC)</th></tr></thead>\n<tbody>\n'
    )
    if names:
        yield '<tr><td><a href="../">../</a></td><td></td><td></td></tr>\n'
    yield from _rows(children.items())
    count = len(children)
    entries = "1 entry" if count == 1 else f"{count} entries"
    yield f"</tbody></table></main>\n<footer>{entries}, read-only.</footer></body></html>\n"


def human_size(size: int) -> str:
    """`size` bytes in the unit that leaves one to four digits before the point: `17 B`, `1.5 MiB`."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, len(_UNITS))
    return f"{size / 1024**power:.1f} {_UNITS[power - 1]}"


def _rows(children: Iterable[tuple[str, Node]]) -> Iterator[str]:
    """Directories first, then by name."""
    for name, node in sorted(children, key=lambda child: (not is_directory(child[1]), child[0])):
        is_file = not is_directory(node)
        slash = "" if is_file else "/"
        modified = iso_date(seconds_of(node.entry.mtime)) if node.entry.mtime else ""
        size = f'<span title="{node.entry.size} bytes">{human_size(node.entry.size)}</span>' if is_file else ""
        yield (
            f'<tr><td><a href="{quote(name)}{slash}"><bdi>{_shown(name)}</bdi>{slash}</a></td><td class="n">{size}</td>'
            f'<td class="n"><time datetime="{modified}">{modified[:10]} {modified[11:16]}</time></td></tr>\n'
        )


def _breadcrumbs(names: Sequence[str]) -> str:
    """A link to each level, from the root to this one."""
    depth = len(names)
    root = f'<a href="{"../" * depth or "./"}">crfs-dav</a> / '
    links = [
        f'<a href="{"../" * (depth - 1 - position) or "./"}"><bdi>{_shown(name)}</bdi></a> / '
        for position, name in enumerate(names)
    ]
    return "".join([root, *links])


def _shown(name: str) -> str:
    """A name as HTML text; what cannot be shown is U+FFFD."""
    return escape(_NOT_SHOWN.sub("\ufffd", name))
