"""A file as a page: what is known of it, and its text, or the beginning of it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence

from crfs_dav.dav.browser.icons import kind_word
from crfs_dav.dav.browser.layout import file_crumbs, layout
from crfs_dav.dav.browser.texts import human_size, shown, shown_text, size_cell, time_cell
from crfs_dav.dav.media_types import media_type
from crfs_dav.dav.names import quote
from crfs_dav.tree.node import File

PREVIEW_BYTES = 128 << 10


def preview_page(names: Sequence[str], file: File) -> Iterator[str]:
    """The page of the file called `names`, in pieces; its first bytes are read now, and raise what reading raises."""
    data = file.open().read_at(0, PREVIEW_BYTES)
    text = text_of(data, is_whole=len(data) == file.entry.size)
    return layout(file_crumbs(names), names[-1], _main(names[-1], file, text))


def text_of(data: bytes, *, is_whole: bool) -> str | None:
    """The text in `data`, None where it is none; a character that the end cuts in two is left out."""
    if b"\0" in data:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(data, is_whole)
    except UnicodeDecodeError:
        return None


def _main(name: str, file: File, text: str | None) -> Iterator[str]:
    href = quote(name)
    yield (
        f'<p class="bar"><a class="button" href="{href}?download" download="">Download</a>'
        f'<a class="button" href="{href}">Open as it is</a></p>\n'
        f'<section class="card"><h2>File</h2><dl>{"".join(_facts(name, file))}</dl></section>\n'
    )
    if text is None:
        yield '<p class="note">This is no UTF-8 text, so there is no preview.</p>\n'
    elif not text:
        yield '<p class="note">This file is empty.</p>\n'
    else:
        if file.entry.size > PREVIEW_BYTES:
            yield f'<p class="note">The first {human_size(PREVIEW_BYTES)} of {human_size(file.entry.size)}:</p>\n'
        # the parser drops one line break after <pre>
        yield f'<section class="card flat" aria-label="Text"><pre class="text">\n{shown_text(text)}</pre></section>\n'


def _facts(name: str, file: File) -> Iterator[str]:
    entry = file.entry
    facts = {
        "Kind": kind_word(file),
        "Type": shown(media_type(name, file)),
        "Size": size_cell(entry.size),
        "Modified": time_cell(entry.mtime),
        "Mode": f"<code>{entry.mode:04o}</code>",
        "Owner": shown(f"{entry.user_name or entry.uid}:{entry.group_name or entry.gid}"),
        "Leads to": f"<code><bdi>{shown(entry.link_name)}</bdi></code>" if entry.link_name else "",
        "Digest": f"<code>{shown(str(entry.digest))}</code>" if entry.digest else "",
    }
    for title, value in facts.items():
        if value:
            yield f"<dt>{title}</dt><dd>{value}</dd>"
