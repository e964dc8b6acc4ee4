"""What stands before a name: its kind, as a drawing and as a word."""

from __future__ import annotations

from crfs_dav.archive import Kind
from crfs_dav.tree.node import Node, is_directory

_SHAPES = {
    "dir": "M3 5a2 2 0 0 1 2-2h4.6l2 2.2H19a2 2 0 0 1 2 2V18a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z",
    "file": "M6 2h8l5 5v13a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2zm7 1.8V8h4.2z",
    "run": "M4 4h16a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zm1.6 4 3.6 4-3.6 4 1.4 1.3"
    " 4.8-5.3L7 6.7zM12 15.5v1.8h6v-1.8z",
    "odd": "M12 2 1 21h22zm-1 7h2v6h-2zm0 7.5h2v2h-2z",
    "get": "M11 3h2v9.2l3.3-3.3 1.4 1.4L12 16l-5.7-5.7 1.4-1.4 3.3 3.3zM4 18h16v2.5H4z",
    "up": "M12 4l7 7-1.5 1.5L13 8v12h-2V8l-4.5 4.5L5 11z",
    "home": "M12 2 2 7l10 5 10-5zM2 11v2l10 5 10-5v-2l-10 5zm0 5v2l10 5 10-5v-2l-10 5z",
}
SPRITE = (
    '<svg class="sprite" aria-hidden="true">'
    + "".join(f'<symbol id="{name}" viewBox="0 0 24 24"><path d="{path}"/></symbol>' for name, path in _SHAPES.items())
    + "</svg>"
)


def icon(shape: str, word: str = "") -> str:
    """The drawing called `shape`; with `word` for those who do not see it, without one where text says it anyway."""
    said = f'role="img" aria-label="{word}"' if word else 'aria-hidden="true"'
    return f'<svg class="i {shape}" {said}><use href="#{shape}"/></svg>'


def kind_icon(node: Node) -> str:
    """The drawing for what `node` is."""
    return icon(*_kind(node))


def kind_word(node: Node) -> str:
    """What `node` is, in a word or three."""
    return _kind(node)[1]


def _kind(node: Node) -> tuple[str, str]:
    entry = node.entry
    by_link = "link to a " if entry.link_name else ""
    if is_directory(node):
        return "dir", f"{by_link}directory"
    if entry.kind is Kind.SYMLINK:
        return "odd", "link that leads nowhere"
    if entry.kind is not Kind.REG:
        return "odd", f"{by_link}{_KINDS.get(entry.kind, 'file')}"
    if entry.mode & 0o111:
        return "run", f"{by_link}program"
    return "file", f"{by_link}file"


_KINDS = {Kind.CHAR: "character device", Kind.BLOCK: "block device", Kind.FIFO: "pipe"}
